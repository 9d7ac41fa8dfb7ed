"""The plugboard: every plugin loaded, validated, in order, and ready to be asked."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from types import ModuleType

import pluggy

from kernel import hookspecs
from kernel.contracts.errors import BootError, NotFound
from kernel.contracts.plugins import NoSettings
from kernel.hookspecs import PROJECT
from kernel.plugboard.dispatch import Dispatcher
from kernel.plugboard.load import find_plugins
from kernel.plugboard.parts import Plugin
from kernel.plugboard.plans import Plans, in_order
from kernel.plugboard.registry import Registries, declare
from kernel.plugboard.validate import look_at, together


class Plugboard(Dispatcher):
    """The installed plugins, what they declared, and the way to ask them (see Dispatcher)."""

    def __init__(
        self, plugins: dict[str, Plugin], plans: Plans, registries: Registries, deadline: float
    ) -> None:
        mandatory = frozenset(name for name, plugin in plugins.items() if plugin.mandatory)
        super().__init__(plans, deadline, mandatory)
        self.plugins = plugins
        """By name, in the order in which they answer."""
        self.campaign_types = registries.campaign_types
        self.channels = registries.channels
        self.event_types = registries.event_types
        self.subscriptions = registries.subscriptions
        self.jobs = registries.jobs
        self.panels = registries.panels
        self.commands = registries.commands
        self.models = registries.models
        self.routes = registries.routes
        self.public_routes = registries.public_routes
        self.short_paths = registries.short_paths
        self.piccolo_apps = tuple(
            plugin.manifest.piccolo_app
            for plugin in plugins.values()
            if plugin.manifest.piccolo_app
        )
        self._owners = {
            plugin.manifest.settings: name
            for name, plugin in plugins.items()
            if plugin.manifest.settings is not NoSettings
        }

    def enabled(self, chosen: Iterable[str]) -> frozenset[str]:
        """The one place that says which plugins serve a tenant: those it chose that are installed,
        and the mandatory ones.
        """
        return frozenset(name for name in chosen if name in self.plugins) | self.mandatory

    def owner_of_settings(self, kind: type) -> str:
        """The plugin whose manifest declares the settings Struct `kind`.

        Raises:
            NotFound: no installed plugin does.
        """
        try:
            return self._owners[kind]
        except KeyError:
            raise NotFound(
                f"No installed plugin declares the settings {kind.__name__}.",
                "Name it in the manifest: `Manifest(settings=...)`.",
            ) from None

    def missing_requirements(self, enabled: Collection[str]) -> list[tuple[str, str]]:
        """(plugin, what it requires) for all that is required by `enabled` and not in it."""
        on = {*enabled, *self.mandatory}
        return [
            (name, other)
            for name, plugin in self.plugins.items()
            if name in on
            for other in plugin.manifest.requires
            if other not in on
        ]


def build_plugboard(
    mandatory: Sequence[str] = ("compliance", "admin_ui"),
    deadline: float = 30.0,
    extra: Sequence[tuple[str, ModuleType]] = (),
    only: Collection[str] | None = None,
) -> Plugboard:
    """A fresh plugboard with all installed plugins; there is no global one.

    Args:
        mandatory: plugins that serve every tenant and cannot be switched off.
        deadline: seconds that all plugins together have for one call of a hook.
        extra: further (name, module) pairs, for tests.
        only: load these entry points and no others, for tests and for checking one plugin.

    Raises:
        BootError: listing every problem of every plugin, not only the first.
    """
    board, problems = try_plugboard(mandatory, deadline, extra, only)
    if problems:
        raise BootError(
            f"The plugins cannot be used; found {len(problems)} to correct.",
            "Correct or uninstall them; `mailwright plugins check` lists the problems again.",
            tuple(problems),
        )
    return board


def try_plugboard(
    mandatory: Sequence[str] = ("compliance", "admin_ui"),
    deadline: float = 30.0,
    extra: Sequence[tuple[str, ModuleType]] = (),
    only: Collection[str] | None = None,
) -> tuple[Plugboard, list[str]]:
    """As `build_plugboard`, but the problems are returned, beside a board of the plugins that are
    right by themselves: only they are asked what they declare.
    """
    found, problems = find_plugins(extra, only)
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    right: list[Plugin] = []
    seen: list[Plugin] = []
    for one in found:
        plugin, wrong = look_at(one, one.name in mandatory)
        problems += wrong
        if plugin is not None:
            seen.append(plugin)
            if not wrong:
                manager.register(plugin.module, plugin.name)
                right.append(plugin)
    problems += together(seen, mandatory)
    order, circle = in_order(right)
    if circle:
        problems.append(f"{', '.join(circle)}: wait for one another with `after`; break the circle")
        order += circle
    manager.check_pending()
    plans = Plans(manager, order)
    by_name = {plugin.name: plugin for plugin in right}
    plugins = {name: by_name[name] for name in order}
    registries, wrong = declare(plugins, plans)
    problems += wrong
    return Plugboard(plugins, plans, registries, deadline), problems
