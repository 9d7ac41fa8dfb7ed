"""Small files, a kernel whose parts may not grow unseen, migrations with names of their own."""

from __future__ import annotations

import ast
import functools
import io
import tokenize
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILE_LINES = 400

# Code lines of each part of the kernel: docs/adr/0011-kernel-size.md says what counts, and what to do
# when a test of this page fails.
CEILINGS = {
    "contracts": 850,
    "plugboard": 1_350,
    "db": 350,
    "tenancy": 1_500,
    "events": 400,
    "profiles": 2_820,
    "jobs": 950,
    "mail": 900,
    "models": 1_700,
    "pipeline": 6_150,
    "web": 1_200,
    "runtime": 1_250,
    "cli": 2_000,
    "hookspecs.py": 110,
    "sdk.py": 360,
    "__init__.py": 5,
}
NO_CODE = {
    tokenize.COMMENT,
    tokenize.NL,
    tokenize.NEWLINE,
    tokenize.INDENT,
    tokenize.DEDENT,
    tokenize.ENDMARKER,
}


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def code_lines(source: str) -> int:
    """Lines that hold code: no blank line, no comment, no docstring or other bare string."""
    told: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            told.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    held: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in NO_CODE:
            held.update(range(token.start[0], token.end[0] + 1))
    return len(held - told)


def test_what_counts_as_code() -> None:
    source = '"""Docstring\nof two lines."""\n\n# a comment\nx = """\ntext\n"""\n\n\ndef f():\n    """No."""\n    return x\n'
    assert code_lines(source) == 5


def test_no_file_is_long() -> None:
    folders = ("kernel", "plugins", "admin_ui", "tests", "bench")
    files = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    long = {str(path.relative_to(ROOT)): _lines(path) for path in files}
    assert not {name: lines for name, lines in long.items() if lines > FILE_LINES}


@functools.cache
def _by_part() -> Counter[str]:
    kernel = ROOT / "kernel"
    found: Counter[str] = Counter()
    for path in kernel.rglob("*.py"):
        parts = path.relative_to(kernel).parts
        if parts[0] != "testing" and "piccolo_migrations" not in parts:
            found[parts[0]] += code_lines(path.read_text(encoding="utf-8"))
    return found


def test_every_part_of_the_kernel_has_a_ceiling() -> None:
    assert not set(_by_part()) - set(CEILINGS)


@pytest.mark.parametrize("part", CEILINGS)
def test_no_part_of_the_kernel_grows_unseen(part: str) -> None:
    assert _by_part()[part] <= CEILINGS[part]


def test_migrations_have_names_of_their_own() -> None:
    """Piccolo imports them by bare file name; with two equal ones a table is silently never made."""
    files = [p for p in ROOT.glob("*/**/piccolo_migrations/*.py") if p.stem != "__init__"]
    files = [p for p in files if not {".venv", ".mailwright"} & set(p.parts)]
    names = Counter(path.name for path in files)
    assert files and not [name for name, times in names.items() if times > 1]
