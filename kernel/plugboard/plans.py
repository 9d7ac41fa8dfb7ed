"""Who is asked, in which order, and with which arguments: worked out once per set of plugins."""

from __future__ import annotations

import heapq
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pluggy

from kernel import hookspecs
from kernel.hookspecs import Policy
from kernel.plugboard.parts import Plugin

Call = Callable[..., Any]
Steps = tuple[tuple[str, Call], ...]

_PLANS_KEPT = 1024  # distinct (hook, enabled set) pairs; then the cache starts afresh


def all_specs() -> dict[str, Callable[..., Any]]:
    """Every hook specification by name, in the order of `kernel/hookspecs.py`."""
    return {name: spec for name, spec in vars(hookspecs).items() if hasattr(spec, "policy")}


SPECS = all_specs()
POLICIES: dict[str, Policy] = {name: getattr(spec, "policy") for name, spec in SPECS.items()}  # noqa: B009
ARGUMENTS = {name: tuple(inspect.signature(spec).parameters) for name, spec in SPECS.items()}


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


@dataclass(frozen=True, slots=True)
class Plan:
    """Who is asked for one hook, in order, each with a callable that takes all its arguments."""

    policy: Policy
    arguments: tuple[str, ...]
    steps: Steps


class Plans:
    """The plan for each hook and set of enabled plugins, cached."""

    def __init__(self, manager: pluggy.PluginManager, order: Iterable[str]) -> None:
        position = {name: number for number, name in enumerate(order)}
        self.everyone: Mapping[str, Plan] = {
            hook: Plan(
                policy,
                ARGUMENTS[hook],
                tuple(
                    (impl.plugin_name, bind(impl.function, ARGUMENTS[hook]))
                    for impl in sorted(
                        getattr(manager.hook, hook).get_hookimpls(),
                        key=lambda impl: position[impl.plugin_name],
                    )
                ),
            )
            for hook, policy in POLICIES.items()
        }
        """hook -> the plan of all installed plugins."""
        self._kept: dict[tuple[str, frozenset[str]], Plan] = {}

    def __call__(self, hook: str, enabled: frozenset[str]) -> Plan:
        """The plan: an allow-list, so that a plugin not in `enabled` is never asked."""
        plan = self._kept.get((hook, enabled))
        if plan is None:
            if len(self._kept) >= _PLANS_KEPT:
                self._kept.clear()
            everyone = self.everyone[hook]
            steps = tuple(step for step in everyone.steps if step[0] in enabled)
            plan = self._kept[hook, enabled] = replace(everyone, steps=steps)
        return plan


def bind(function: Call, arguments: Sequence[str]) -> Call:
    """`function`, callable with all of `arguments` in their order even if it takes only some."""
    parameters = inspect.signature(function).parameters
    if [*arguments] == [n for n, p in parameters.items() if p.kind is p.POSITIONAL_OR_KEYWORD]:
        return function
    places = [(name, arguments.index(name)) for name in parameters]

    def with_fewer(*given: Any) -> Any:
        return function(**{name: given[place] for name, place in places})

    return with_fewer
