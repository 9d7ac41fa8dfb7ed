"""The pages for plugin authors are what the code says, and no hook is without a test."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import click
import pytest

from kernel.contracts.errors import NotFound
from kernel.plugboard.plans import SPECS
from kernel.plugboard.reference import hooks_markdown, signature
from kernel.plugboard.skeleton import skeleton_files
from kernel.plugboard.snippets import refresh

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


TUTORIAL = (ROOT / "docs" / "writing-plugins.md").read_text(encoding="utf-8")


def test_snippets_are_what_their_files_hold() -> None:
    assert refresh(TUTORIAL, ROOT) == TUTORIAL, "run `make docs`"
    # All code is copied: none is written by hand, where nothing would keep it true.
    assert TUTORIAL.count("```python") == TUTORIAL.count("<!-- from ") > 8


def test_the_tutorials_commands_exist() -> None:
    typed = re.findall(r"mailwright ([a-z]+)(?: ([a-z]+))?", TUTORIAL)
    assert ("plugins", "new") in typed
    for name, sub in typed:
        found = importlib.import_module(f"kernel.cli.{name}").command
        assert not sub or not isinstance(found, click.Group) or sub in found.commands, (name, sub)


def test_the_tutorials_files_are_those_of_the_skeleton() -> None:
    for path, _ in skeleton_files():
        assert str(path) in TUTORIAL or path.name == "__init__.py"


@pytest.mark.parametrize(
    ("mark", "said"),
    [
        ("<!-- from nowhere.py -->", "nowhere.py does not exist"),
        ("<!-- from kernel/hookspecs.py: decide, nothing -->", "hookspecs.py holds no nothing"),
    ],
)
def test_a_marker_must_name_what_exists(mark: str, said: str) -> None:
    with pytest.raises(NotFound, match=said):
        refresh(f"{mark}\n```python\n```\n", ROOT)


def test_a_snippet_is_replaced_and_the_rest_is_kept(tmp_path: Path) -> None:
    source = "import os\n\nLIMIT: int = 3\n\n\n@mark\ndef f():\n    return LIMIT\n"
    (tmp_path / "a.py").write_text(source)
    page = "Before\n<!-- from a.py: f, LIMIT -->\n```python\nold\n```\nAfter\n```python\nown\n```\n"
    new = "@mark\ndef f():\n    return LIMIT\n\n\nLIMIT: int = 3"
    assert refresh(page, tmp_path) == page.replace("old", new)
    whole = "<!-- from a.py -->\n```python\n```\n"
    assert refresh(whole, tmp_path) == f"<!-- from a.py -->\n```python\n{source}```\n"
