"""The walls between folders, as an allow-list: what is not named here is refused."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"kernel", "plugins", "admin_ui"}


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """Yields (line, absolute module) for every import, those inside functions too."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *([node.module] if node.module else [])))
            yield from ((node.lineno, f"{module}.{alias.name}") for alias in node.names)


def _inside(module: str, allowed: str) -> bool:
    return module == allowed or module.startswith(allowed + ".")


def test_plugins_import_the_sdk_and_themselves() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sorted((ROOT / "plugins").glob("*/**/*.py"))
        for line, module in _imports(path)
        if module.partition(".")[0] in OURS
        and not _inside(module, "kernel.sdk")
        and not _inside(module, f"plugins.{path.relative_to(ROOT).parts[1]}")
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("folder", "forbidden"),
    [("kernel", {"plugins", "admin_ui", "tests"}), ("admin_ui", {"plugins", "tests"})],
)
def test_folder_never_imports(folder: str, forbidden: set[str]) -> None:
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line, module in _imports(path)
        if module.partition(".")[0] in forbidden
    ]
    assert not wrong, "\n".join(wrong)


def test_contracts_speak_msgspec_and_the_standard_library_only() -> None:
    import sys

    # polars: the frames of a History, for type checkers only
    allowed = {*sys.stdlib_module_names, "msgspec", "kernel", "polars"}
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {module}"
        for path in sorted((ROOT / "kernel" / "contracts").rglob("*.py"))
        for line, module in _imports(path)
        if module.partition(".")[0] not in allowed
    ]
    assert not wrong, "\n".join(wrong)
