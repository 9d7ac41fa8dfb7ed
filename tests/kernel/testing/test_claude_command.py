"""`mailwright fake-claude` and `python -m kernel.testing.claude`; and the page that tells of them."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import anthropic
import pytest

from kernel.plugboard.snippets import refresh
from kernel.testing.claude_faults import KINDS
from tests.kernel.testing.asking import asking

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/fake-claude.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "program", [("kernel.cli.main", "fake-claude"), ("kernel.testing.claude",)]
)
def test_it_serves_until_it_is_told_to_stop(program: tuple[str, ...]) -> None:
    command = [sys.executable, "-m", *program, "--port", "0", "--fault", "empty:1"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            told = dict(process.stdout.readline().strip().split("=") for _ in range(2))
            with anthropic.Anthropic(
                api_key=told["ANTHROPIC_API_KEY"], base_url=told["ANTHROPIC_BASE_URL"]
            ) as client:
                for _ in range(2):
                    assert not client.messages.create(**asking("a customer")).content
        finally:
            process.terminate()
        assert process.stdout.read() == "messages 2, prompts 2\n"
    assert process.returncode == 0


def test_a_fault_that_is_none_is_told() -> None:
    command = [sys.executable, "-m", "kernel.cli.main", "fake-claude", "--port", "0"]
    done = subprocess.run(
        [*command, "--fault", "fire"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "no fault 'fire'" in done.stderr


def test_the_page_is_what_the_code_is() -> None:
    assert refresh(PAGE, ROOT) == PAGE, "run `make docs`"
    table = PAGE.split("## Making it fail")[1].split("\n## ")[0]
    assert set(KINDS) <= set(re.findall(r"`(\w+)`", table))
