"""Who is asked, in which order, and with which arguments: worked out once per set of plugins."""

from __future__ import annotations

import heapq
import inspect
from collections.abc import Callable, Iterable, Mapping, Set
from typing import Any

import pluggy

from kernel import hookspecs
from kernel.hookspecs import Policy
from kernel.plugboard.parts import Plugin

Call = Callable[..., Any]
Plan = tuple[tuple[str, Call], ...]

_PLANS_KEPT = 1024  # distinct (hook, enabled set) pairs; then the cache starts afresh


def all_specs() -> dict[str, Callable[..., Any]]:
    """Every hook specification by name, in the order of `kernel/hookspecs.py`."""
    return {name: spec for name, spec in vars(hookspecs).items() if hasattr(spec, "policy")}


SPECS = all_specs()
POLICIES: dict[str, Policy] = {name: getattr(spec, "policy") for name, spec in SPECS.items()}  # noqa: B009
ARGUMENTS = {name: inspect.signature(spec).parameters.keys() for name, spec in SPECS.items()}


def in_order(plugins: Iterable[Plugin]) -> tuple[list[str], list[str]]:
    """Names in the order in which plugins answer, and the names caught in a circle of `after`.

    Mandatory plugins come first; within the mandatory and within the others, `after` is obeyed,
    then the manifest's `order` counts, then the name.
    """
    known = {plugin.name: plugin for plugin in plugins}
    before: dict[str, set[str]] = {
        name: {
            other
            for other in plugin.manifest.after
            if other in known and known[other].mandatory == plugin.mandatory
        }
        for name, plugin in known.items()
    }
    ready = [_rank(known[name]) for name, others in before.items() if not others]
    heapq.heapify(ready)
    order: list[str] = []
    while ready:
        name = heapq.heappop(ready)[-1]
        order.append(name)
        for other, waits_for in before.items():
            if name in waits_for:
                waits_for.remove(name)
                if not waits_for:
                    heapq.heappush(ready, _rank(known[other]))
    return order, sorted(known.keys() - set(order))


def _rank(plugin: Plugin) -> tuple[bool, int, str]:
    return (not plugin.mandatory, plugin.manifest.order, plugin.name)


class Plans:
    """For each hook and set of enabled plugins: (plugin, call) in order, cached."""

    def __init__(self, manager: pluggy.PluginManager, order: Iterable[str]) -> None:
        position = {name: number for number, name in enumerate(order)}
        self._all: Mapping[str, Plan] = {
            hook: tuple(
                (impl.plugin_name, bind(impl.function, ARGUMENTS[hook]))
                for impl in sorted(
                    getattr(manager.hook, hook).get_hookimpls(),
                    key=lambda impl: position[impl.plugin_name],
                )
            )
            for hook in SPECS
        }
        self._cache: dict[tuple[str, frozenset[str]], Plan] = {}

    def __call__(self, hook: str, enabled: frozenset[str]) -> Plan:
        """The plan: an allow-list, so that a plugin not in `enabled` is never asked."""
        plan = self._cache.get((hook, enabled))
        if plan is None:
            if len(self._cache) >= _PLANS_KEPT:
                self._cache.clear()
            plan = tuple(step for step in self._all[hook] if step[0] in enabled)
            self._cache[hook, enabled] = plan
        return plan

    def everyone(self, hook: str) -> Plan:
        """The plan of all installed plugins."""
        return self._all[hook]


def bind(function: Call, arguments: Set[str]) -> Call:
    """`function`, callable with all of `arguments` by name even if it takes only some of them."""
    takes = tuple(inspect.signature(function).parameters)
    if arguments == set(takes):
        return function

    def with_fewer(**given: Any) -> Any:
        return function(**{name: given[name] for name in takes})

    return with_fewer
