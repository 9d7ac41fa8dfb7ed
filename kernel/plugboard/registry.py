"""What plugins declared, collected once at boot: the hot path walks these and asks nobody."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.campaigns import CampaignType
from kernel.contracts.delivery import Channel
from kernel.contracts.events import KERNEL_EVENTS, Event
from kernel.contracts.models import Model
from kernel.contracts.plugins import Job, Panel, Subscription
from kernel.plugboard.parts import Owned, Plugin, describe
from kernel.plugboard.plans import Plans

if TYPE_CHECKING:
    import click

KERNEL = "kernel"
Problems = Iterator[str]


@dataclass(kw_only=True)
class Registries:
    """Everything declared, by key, each with its plugin's name."""

    campaign_types: dict[str, Owned[CampaignType]] = field(default_factory=dict)
    channels: dict[str, Owned[Channel]] = field(default_factory=dict)
    event_types: dict[str, Owned[type[Event]]] = field(
        default_factory=lambda: {kind.type: Owned(KERNEL, kind) for kind in KERNEL_EVENTS}
    )
    subscriptions: dict[str, Owned[Subscription]] = field(default_factory=dict)
    jobs: dict[str, Owned[Job]] = field(default_factory=dict)
    panels: dict[str, Owned[Panel]] = field(default_factory=dict)
    commands: dict[str, Owned[click.Command]] = field(default_factory=dict)
    models: dict[str, Owned[Model]] = field(default_factory=dict)
    routes: tuple[Owned[Any], ...] = ()
    public_routes: tuple[Owned[Any], ...] = ()
    short_paths: dict[str, str] = field(default_factory=dict)
    """First segment of a public route -> plugin: the paths on a tenant's own host for links."""


def declare(plugins: dict[str, Plugin], plans: Plans) -> tuple[Registries, list[str]]:
    """All registries filled, and every problem with what was declared."""
    found = Registries()
    problems: list[str] = []
    for hook, (attribute, kind, key, check) in _DECLARED.items():
        registry: dict[str, Owned[Any]] = {}
        for plugin, call in plans.everyone[hook].steps:
            for value in _declared(plugin, hook, call, problems):
                wrong = _typed(value, kind) or list(check(value, plugins[plugin]))
                problems += [f"{plugin}: {hook}: {problem}" for problem in wrong]
                if wrong:
                    continue
                for name in key(plugin, value):
                    registry_of = registry if hook.endswith("routes") else getattr(found, attribute)
                    if (other := registry_of.get(name)) is not None:
                        problems.append(f"{plugin}: {hook}: `{name}` is already {other.plugin}'s")
                    else:
                        registry_of[name] = Owned(plugin, value)
        if hook.endswith("routes"):
            once = {id(owned.value): owned for owned in registry.values()}
            setattr(found, attribute, tuple(once.values()))
    problems += _shorten(found)
    problems += [
        f"{owned.plugin}: subscriptions: `{name}` waits for {owned.value.event.__name__}, "
        "which no plugin declares with event_types"
        for name, owned in found.subscriptions.items()
        if getattr(found.event_types.get(owned.value.event.type), "value", None)
        is not owned.value.event
    ]
    return found, problems


def _shorten(found: Registries) -> Problems:
    """Fills `short_paths`. A route that begins with nothing, or with a parameter, has none."""
    for owned in found.public_routes:
        for path in sorted(owned.value.paths or {"/"}):
            first = path.lstrip("/").partition("/")[0]
            if not first or "{" in first:
                continue
            if (other := found.short_paths.setdefault(first, owned.plugin)) != owned.plugin:
                yield f"{owned.plugin}: public_routes: `/{first}` is already {other}'s"


def _declared(
    plugin: str, hook: str, call: Callable[[], Any], problems: list[str]
) -> Sequence[Any]:
    try:
        values = call()
    # A plugin's function may raise anything at all, and every problem is shown at once.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        problems.append(f"{plugin}: {hook}: raised {describe(error)}")
        return ()
    if not isinstance(values, (list, tuple)):
        problems.append(f"{plugin}: {hook}: must return a list, not {type(values).__name__}")
        return ()
    return values


def _typed(value: Any, kind: type | None) -> list[str]:
    if kind is not None and not isinstance(value, kind):
        return [f"must list {kind.__name__}, not {type(value).__name__}"]
    if isinstance(value, CampaignType):
        try:  # a Struct is not checked when it is made
            msgspec.convert(msgspec.to_builtins(value), CampaignType)
        except (msgspec.MsgspecError, TypeError) as error:
            return [f"`{value.name}` is not valid: {error}"]
    return []


def _campaign_type(value: CampaignType, plugin: Plugin) -> Problems:
    if not value.copies:
        yield f"`{value.name}` has no copy for any tone"


def _channel(value: Any, plugin: Plugin) -> Problems:
    if not isinstance(getattr(value, "name", None), str):
        yield f"{type(value).__name__} has no name"
    for method in ("send", "settle"):
        if not inspect.iscoroutinefunction(getattr(value, method, None)):
            yield f"{type(value).__name__} has no `async def {method}`"


def _is_event(value: Any) -> bool:
    return isinstance(value, type) and issubclass(value, Event)


def _event_type(value: Any, plugin: Plugin) -> Problems:
    if not _is_event(value):
        yield f"must list subclasses of Event, not {value!r}"
    elif not isinstance(getattr(value, "type", None), str):
        yield f"{value.__name__} names no `type`"
    elif not value.__struct_config__.frozen:
        yield f"{value.__name__} must be frozen"


def _named(value: Any) -> Problems:
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,39}", str(value.name)):
        yield f"the name {value.name!r} must be 2 to 40 lower-case letters, digits or underscores"


def _subscription(value: Subscription, plugin: Plugin) -> Problems:
    yield from _named(value)
    if not _is_event(value.event):
        yield f"`{value.name}`: event must be a subclass of Event"
    if not inspect.iscoroutinefunction(value.handle):
        yield f"`{value.name}`: handle must be `async def`"


def _job(value: Job, plugin: Plugin) -> Problems:
    yield from _named(value)
    if not inspect.iscoroutinefunction(value.run):
        yield f"`{value.name}`: run must be `async def`"
    if value.every is not None and value.daily_at is not None:
        yield f"`{value.name}`: give `every` or `daily_at`, not both"
    if value.every is not None and not value.every > 0:
        yield f"`{value.name}`: `every` must be more than 0 seconds"
    if value.daily_at is not None and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value.daily_at):
        yield f"`{value.name}`: daily_at must be HH:MM, not {value.daily_at!r}"


def _panel(value: Panel, plugin: Plugin) -> Problems:
    yield from _named(value)
    if not inspect.iscoroutinefunction(value.data):
        yield f"`{value.name}`: data must be `async def`"
    templates = Path(getattr(plugin.module, "__file__", None) or "").parent / "templates"
    inside = templates / plugin.name
    if not ((templates / value.template).is_file() or (inside / value.template).is_file()):
        yield f"`{value.name}`: there is no template {value.template} in {inside}"


def _command(value: Any, plugin: Plugin) -> Problems:
    import click

    if not isinstance(value, click.Command):
        yield f"must list click commands, not {type(value).__name__}"
    elif not value.name:
        yield "a command has no name"


def _model(value: Any, plugin: Plugin) -> Problems:
    parts = [
        "name",
        "version",
        "title",
        "about",
        "needs",
        "traits",
        "horizon",
        "train",
        "score",
        "evaluate",
    ]
    if missing := [part for part in parts if not hasattr(value, part)]:
        yield f"{type(value).__name__} has no {', '.join(missing)}"
        return
    yield from _named(value)
    if value.name != plugin.name and not value.name.startswith(f"{plugin.name}_"):
        yield f"the model `{value.name}` must be named {plugin.name} or {plugin.name}_<something>"
    for trait in sorted(t for t in value.traits if not t.startswith(f"{plugin.name}.")):
        yield f"`{value.name}`: the trait `{trait}` must be named {plugin.name}.<something>"


def _route(value: Any, plugin: Plugin) -> Problems:
    from litestar.handlers import HTTPRouteHandler  # .3 s: only where a plugin has routes

    if not isinstance(value, HTTPRouteHandler):
        yield f"must list Litestar handlers (@get, @post …), not {type(value).__name__}"


def _by_name(plugin: str, value: Any) -> list[str]:
    return [value.name]


def _by_plugin(plugin: str, value: Any) -> list[str]:
    return [f"{plugin}.{value.name}"]


def _by_path(plugin: str, value: Any) -> list[str]:
    return [
        f"{method} {plugin}:{path}"
        for path in sorted(value.paths or {"/"})
        for method in sorted(value.http_methods)
    ]


Check = Callable[[Any, Plugin], Problems]
Key = Callable[[str, Any], list[str]]
_DECLARED: dict[str, tuple[str, type | None, Key, Check]] = {
    "campaign_types": ("campaign_types", CampaignType, _by_name, _campaign_type),
    "channels": ("channels", None, _by_name, _channel),
    "event_types": ("event_types", None, lambda _, kind: [kind.type], _event_type),
    "subscriptions": ("subscriptions", Subscription, _by_plugin, _subscription),
    "jobs": ("jobs", Job, _by_plugin, _job),
    "routes": ("routes", None, _by_path, _route),
    "public_routes": ("public_routes", None, _by_path, _route),
    "admin_panels": ("panels", Panel, _by_plugin, _panel),
    "commands": ("commands", None, _by_name, _command),
    "models": ("models", None, _by_name, _model),
}
"""hook -> where it is kept, what it lists, its keys, and what else must be true of each."""
