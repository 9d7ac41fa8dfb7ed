"""Finds plugins: one loading path, entry points, for ours and everyone's."""

from __future__ import annotations

import importlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from importlib.metadata import entry_points
from types import ModuleType

from kernel.plugboard.parts import describe

GROUP = "mailwright.plugins"


@dataclass(frozen=True)
class Found:
    """A plugin's module under the name of its entry point, not yet looked at."""

    name: str
    module: ModuleType
    distribution: str = ""


def find_plugins(
    extra: Sequence[tuple[str, ModuleType]] = (), only: Collection[str] | None = None
) -> tuple[list[Found], list[str]]:
    """The modules of all installed plugins, sorted by name, and what is wrong with the others.

    Args:
        extra: further (name, module) pairs, for tests.
        only: load these entry points and no others.
    """
    problems: list[str] = []
    found = {name: Found(name, module) for name, module in extra}
    for entry in sorted(entry_points(group=GROUP), key=lambda entry: entry.name):
        if only is not None and entry.name not in only:
            continue
        came_with = f"{entry.dist.name} {entry.dist.version}" if entry.dist else ""
        if (other := found.get(entry.name)) is not None:
            if other.distribution != came_with:
                problems.append(
                    f"{entry.name}: two plugins have this name, from "
                    f"{other.distribution or 'a test'} and from {came_with}; uninstall one"
                )
            continue
        module = load_module(entry.name, entry.value)
        if isinstance(module, str):
            problems.append(module)
        else:
            found[entry.name] = Found(entry.name, module, came_with)
    return sorted(found.values(), key=lambda one: one.name), problems


def load_module(name: str, path: str) -> ModuleType | str:
    """The module at the dotted `path`, or a sentence about why plugin `name` has none."""
    try:
        return importlib.import_module(path)
    except ModuleNotFoundError as error:
        if error.name and (path == error.name or path.startswith(error.name + ".")):
            return f"{name}: its module {path} does not exist (named by the entry point in {GROUP})"
        return f"{name}: importing {path} raised {describe(error)}"
    # A plugin's module may raise anything at all, and every problem is shown at once.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return f"{name}: importing {path} raised {describe(error)}"
