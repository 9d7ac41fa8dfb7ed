"""docs/models.md says what the code does."""

from __future__ import annotations

import re
from pathlib import Path

from kernel.cli.models import command
from kernel.models.reference import with_features
from kernel.plugboard.snippets import refresh

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "models.md").read_text(encoding="utf-8")


def test_the_page_is_what_the_generator_gives() -> None:
    assert with_features(refresh(PAGE, ROOT)) == PAGE, "run `make docs`"
    assert "| `overdue_ratio` |" in PAGE and "class Toy" in PAGE


def test_its_commands_and_options_exist() -> None:
    lines = re.findall(r"mailwright models ([a-z-]+)(.*)", PAGE)
    assert {name for name, _ in lines} == set(command.commands)
    for name, rest in lines:
        known = {option for part in command.commands[name].params for option in part.opts}
        assert set(re.findall(r"--[a-z-]+", rest)) <= known, name
