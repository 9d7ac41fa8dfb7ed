"""docs/hooks.md is what the code says, and no hook is without a test."""

from __future__ import annotations

import inspect
import re
from pathlib import Path

import pytest

from kernel.plugboard.plans import SPECS
from kernel.plugboard.reference import hooks_markdown, signature

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "hooks.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_generator_gives(board) -> None:
    assert hooks_markdown(board) == PAGE, "run `make docs`"


@pytest.mark.parametrize("hook", SPECS)
def test_each_hook_has_its_heading_signature_and_docstring(hook: str) -> None:
    section = PAGE.split(f"\n### {hook}\n")[1].split("\n### ")[0]
    # The signature, compared without regard to how its lines are broken.
    arguments = ", ".join(inspect.signature(SPECS[hook]).parameters)
    written = signature(SPECS[hook])
    assert f"```python\n{written}\n```" in section
    names = re.findall(r"(\w+):", written.split("->")[0])
    assert ", ".join(names) == arguments
    assert (inspect.getdoc(SPECS[hook]) or "?") in section


@pytest.mark.parametrize("hook", SPECS)
def test_each_hook_is_tested(hook: str) -> None:
    tests = [path for path in (ROOT / "tests").rglob("test_*.py") if path != Path(__file__)]
    assert any(re.search(rf"\b{hook}\b", path.read_text(encoding="utf-8")) for path in tests)
