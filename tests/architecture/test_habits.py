"""What reviewers would have to look for in every file: queries, clocks, plugin managers."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from kernel.hookspecs import Policy

ROOT = Path(__file__).parents[2]
CODE = [p for folder in ("kernel", "plugins", "admin_ui") for p in (ROOT / folder).rglob("*.py")]
REPOSITORY = "kernel/tenancy/repository.py"
BUILDERS = {"select", "objects", "insert", "update", "delete", "count", "exists", "raw", "alter"}
BUILDERS |= {"create_table", "save", "remove", "refresh", "get_or_create"}
CLOCKS = {"now", "utcnow", "today", "fromtimestamp", "utcfromtimestamp"}
MAY_ASK_THE_MACHINE = {
    "kernel/tenancy/core.py": "SystemClock is where the time comes from",
}


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else "?"


def _tables() -> set[str]:
    """The names of all Piccolo Table classes of ours."""
    return {
        node.name
        for path in CODE
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.ClassDef) and any(_dotted(b).endswith("Table") for b in node.bases)
    }


def _queries(tree: ast.Module, tables: set[str]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(attr=attr) if attr in BUILDERS:
                if _dotted(node.value).rpartition(".")[2] in tables:
                    yield node.lineno, f"{_dotted(node)}: use TenantRepository"
            case ast.ImportFrom(module=str(module)) if f"{module}.".startswith("piccolo.query."):
                yield node.lineno, f"imports {module}: use TenantRepository"


def test_only_the_repository_builds_queries_on_tables() -> None:
    tables = _tables()
    assert "TenancyAudit" in tables
    wrong = [
        f"{_name(path)}:{line} {said}"
        for path in CODE
        if _name(path) != REPOSITORY and "piccolo_migrations" not in path.parts
        for line, said in _queries(_tree(path), tables)
    ]
    assert not wrong, "\n".join(wrong)


def test_the_search_for_queries_finds_them() -> None:
    bad = "async def f():\n    return await tables.TenancyAudit.select().where(x)\n"
    assert list(_queries(ast.parse(bad), {"TenancyAudit"})) == [
        (2, "tables.TenancyAudit.select: use TenantRepository")
    ]


def _clocks(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            owner = _dotted(node.func.value).rpartition(".")[2]
            if node.func.attr in CLOCKS - {"fromtimestamp"} and owner in {"datetime", "date"}:
                yield node.lineno, _dotted(node.func)


def test_nobody_asks_the_machine_what_time_it_is() -> None:
    wrong = [
        f"{_name(path)}:{line} {said}: take the time from ctx.now or core.clock"
        for path in CODE
        if _name(path) not in MAY_ASK_THE_MACHINE
        for line, said in _clocks(_tree(path))
    ]
    assert not wrong, "\n".join(wrong)


_ROLES = re.compile(
    r"(?i)\b(re)?set\s+((local|session)\s+)?(role|session\s+authorization)\b"
    r"|set_config\s*\(|mailwright\.tenant|\brow_security\b|\bsecurity\s+definer\b"
)
MAY_CHANGE_ROLES = {
    "kernel/db/uow.py": "takes the role and names the tenant",
    "kernel/db/ddl.py": "writes the policies",
    "kernel/tenancy/sync.py": "tells a tenant's plugins inside the transaction of `apply`",
}


def test_no_sql_of_ours_changes_role_or_tenant() -> None:
    """SQL could climb the wall on purpose (docs/adr/0003-walls.md), so nobody may write such SQL."""
    wrong = [
        f"{_name(path)}:{node.lineno} {found[0]}"
        for path in CODE
        if _name(path) not in MAY_CHANGE_ROLES
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        if (found := _ROLES.search(node.value))
    ]
    assert not wrong, "\n".join(wrong)


def _at_import(node: ast.AST) -> Iterator[ast.Call]:
    """Every call that runs when the module is imported: all but what stands in functions."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            for early in (*getattr(child, "decorator_list", ()), *child.args.defaults):
                yield from _at_import(ast.Expr(early))
            continue
        if isinstance(child, ast.Call):
            yield child
        yield from _at_import(child)


def test_there_is_no_global_plugin_manager() -> None:
    makers = {"PluginManager", "Plugboard", "build_plugboard", "try_plugboard"}
    wrong = [
        f"{_name(path)}:{call.lineno} {_dotted(call.func)}"
        for path in CODE
        for call in _at_import(_tree(path))
        if _dotted(call.func).rpartition(".")[2] in makers
    ]
    assert not wrong, "\n".join(wrong)
    source = "x = cache(build_plugboard())\ndef f(a=Plugboard()): build_plugboard()\n"
    found = [_dotted(call.func) for call in _at_import(ast.parse(source))]
    assert found == ["cache", "build_plugboard", "Plugboard"]


def _hooks() -> list[str]:
    from kernel import hookspecs

    return [n for n, f in vars(hookspecs).items() if isinstance(getattr(f, "policy", None), Policy)]


@pytest.mark.parametrize("hook", _hooks())
def test_every_hook_is_documented_and_tested(hook: str) -> None:
    docs = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")
    assert f"`{hook}`" in docs or f"## {hook}" in docs, f"docs/hooks.md does not tell of {hook}"
    tests = [p for p in (ROOT / "tests").rglob("*.py") if p != Path(__file__)]
    assert any(hook in path.read_text(encoding="utf-8") for path in tests), f"no test names {hook}"
