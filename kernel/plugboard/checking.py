"""All that is wrong with plugins, for `mailwright plugins check` and for authors' tests."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType

from kernel.contracts.errors import NotFound
from kernel.plugboard.board import try_plugboard
from kernel.plugboard.imports import check_import_rules
from kernel.plugboard.load import GROUP, Found, find_plugins, load_module
from kernel.plugboard.validate import look_at


def check_installed(mandatory: Sequence[str], name: str | None = None) -> list[str]:
    """What is wrong with all installed plugins, or with the one called `name`.

    Raises:
        NotFound: no plugin of this name is installed.
    """
    board, problems = try_plugboard(mandatory)
    problems += _imports(find_plugins()[0])
    if name is None:
        return problems
    about = [said for said in problems if name in said.partition(": ")[0].split(", ")]
    if not about and name not in board.plugins:
        raise NotFound(
            f"No plugin `{name}` is installed.",
            f"Install it, or give the folder it is in. Installed: {', '.join(board.plugins)}.",
        )
    return about


def check_module(name: str, module: ModuleType) -> list[str]:
    """What is wrong with one plugin by itself, its imports included; what it requires counts as
    installed.
    """
    _, problems = try_plugboard((), extra=[(name, module)], only=())
    problems += _imports([Found(name, module)])
    return [said for said in problems if not said.endswith("which is not installed")]


def _imports(found: Sequence[Found]) -> list[str]:
    """Of all plugins that have a manifest, whatever else is wrong with them."""
    plugins = [look_at(one)[0] for one in found]
    return [said for plugin in plugins if plugin for said in check_import_rules(plugin)]


def check_folder(folder: Path) -> list[str]:
    """What is wrong with the plugins in a folder: one with a pyproject.toml that has entry points
    of ours, or one with a plugin.py.

    Raises:
        NotFound: there is no plugin in the folder.
    """
    problems = []
    with _importable(folder) as entries:
        for name, path in entries.items():
            module = load_module(name, path)
            problems += [module] if isinstance(module, str) else check_module(name, module)
    return problems


@contextmanager
def _importable(folder: Path) -> Iterator[dict[str, str]]:
    folder = folder.resolve()
    project = folder / "pyproject.toml"
    entries: dict[str, str] = {}
    roots = [folder / "src", folder]
    if project.is_file():
        try:
            facts = tomllib.loads(project.read_text(encoding="utf-8"))
        except tomllib.TOMLDecodeError as error:
            raise NotFound(f"{project} is not valid TOML: {error}.") from error
        entries = facts.get("project", {}).get("entry-points", {}).get(GROUP, {})
    elif (folder / "plugin.py").is_file():
        root = folder
        while (root / "__init__.py").is_file():
            root = root.parent
        path = (folder / "plugin").relative_to(root)
        entries = {folder.name: ".".join(path.parts)}
        roots = [root]
    if not entries:
        raise NotFound(
            f"There is no plugin in {folder}.",
            f"Its pyproject.toml needs entry points in the group {GROUP}; "
            "`mailwright plugins new NAME` writes one.",
        )
    before, known = list(sys.path), set(sys.modules)
    sys.path[:0] = [str(root) for root in roots if root.is_dir()]
    try:
        yield entries
    finally:
        sys.path[:] = before
        # Another folder may hold modules of the same names.
        for name in sys.modules.keys() - known:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(f"{folder}/"):
                del sys.modules[name]
