"""Small files, a small kernel, migrations with names of their own."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILE_LINES = 400
KERNEL_LINES = 6_000


def _lines(path: Path) -> int:
    return len(path.read_text(encoding="utf-8").splitlines())


def test_no_file_is_long() -> None:
    folders = ("kernel", "plugins", "admin_ui", "tests", "bench")
    files = (path for folder in folders for path in (ROOT / folder).rglob("*.py"))
    long = {str(path.relative_to(ROOT)): _lines(path) for path in files}
    assert not {name: lines for name, lines in long.items() if lines > FILE_LINES}


def test_the_kernel_is_small() -> None:
    kernel = ROOT / "kernel"
    by_part: Counter[str] = Counter()
    for path in kernel.rglob("*.py"):
        part = path.relative_to(kernel).parts[0]
        if part != "testing":
            by_part[part] += _lines(path)
    assert by_part.total() < KERNEL_LINES, dict(by_part.most_common())


def test_migrations_have_names_of_their_own() -> None:
    """Piccolo imports them by bare file name; with two equal ones a table is silently never made."""
    files = [p for p in ROOT.glob("*/**/piccolo_migrations/*.py") if p.stem != "__init__"]
    files = [p for p in files if not {".venv", ".mailwright"} & set(p.parts)]
    names = Counter(path.name for path in files)
    assert files and not [name for name, times in names.items() if times > 1]
