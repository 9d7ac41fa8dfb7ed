"""Does a plugin import too much? Its files are read, not run, so that lazy imports count, too."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType

from kernel.plugboard.load import GROUP
from kernel.plugboard.parts import Plugin

SDK = "kernel.sdk"
TESTING = "kernel.testing"
OURS = "plugins"  # the package that holds the plugins shipped with the kernel
ADMIN = "admin_ui"
"""The admin is a plugin, yet it may call the kernel's services: its pages show what they know."""


def check_import_rules(plugin: Plugin, others: Collection[str] | None = None) -> list[str]:
    """A sentence for each import that ties the plugin to more than `kernel.sdk` and itself.

    Args:
        plugin: installed or not.
        others: packages of other plugins (default: those of all installed ones).
    """
    package, root, files = _files(plugin.module)
    if others is None:
        others = {e.module.rpartition(".")[0] or e.module for e in entry_points(group=GROUP)}
    strangers = {*others, ADMIN, OURS} - {package}
    problems = []
    for path, module in files:
        is_test = _is_test(path.relative_to(root))
        try:
            tree = ast.parse(path.read_text(encoding="utf-8"))
        except SyntaxError as error:
            problems.append(f"{plugin.name}: {path.name}:{error.lineno} is not Python: {error.msg}")
            continue
        for line, target in _imports(tree, module):
            if said := _refused(target, package, strangers, is_test, plugin.name == ADMIN):
                problems.append(f"{plugin.name}: {path.name}:{line} imports {target}; {said}")
    return problems


def _files(module: ModuleType) -> tuple[str, Path, list[tuple[Path, str]]]:
    """The plugin's package, its folder, and each file with the package its relative imports see."""
    path = Path(getattr(module, "__file__", None) or "")
    package = module.__package__ or module.__name__
    if not path.is_file():
        return package, path, []
    root = path.parent
    if not module.__package__:
        return package, root, [(path, "")]
    return (
        package,
        root,
        [
            (found, ".".join((package, *found.parent.relative_to(root).parts)))
            for found in sorted(root.rglob("*.py"))
        ],
    )


def _imports(tree: ast.AST, package: str) -> Iterator[tuple[int, str]]:
    """Yields (line, absolute name) of each import, those by a literal `import_module` too."""
    for node in ast.walk(tree):
        match node:
            case ast.Import():
                yield from ((node.lineno, alias.name) for alias in node.names)
            case ast.ImportFrom():
                above = package.split(".")[: -(node.level - 1) or None] if node.level else []
                module = ".".join((*above, *([node.module] if node.module else [])))
                yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)
            case ast.Call(
                func=ast.Name(id=name) | ast.Attribute(attr=name),
                args=[ast.Constant(value=str(target)), *_],
            ) if name in ("import_module", "__import__"):
                yield node.lineno, target


def _refused(
    target: str, package: str, strangers: Collection[str], is_test: bool, is_admin: bool
) -> str:
    if _inside(target, package):
        return ""
    if any(_inside(target, other) for other in strangers):
        return "plugins speak by events and contracts, never by import"
    if not _inside(target, "kernel") or is_admin or _inside(target, SDK):
        return ""
    if is_test and _inside(target, TESTING):
        return ""
    return f"plugins import {SDK} only" + (f", tests also {TESTING}" if is_test else "")


def _inside(name: str, package: str) -> bool:
    return name == package or name.startswith(package + ".")


def _is_test(path: Path) -> bool:
    return "tests" in path.parts or path.name == "conftest.py" or path.name.startswith("test_")
