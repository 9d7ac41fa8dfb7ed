"""The README of a plugin tells every setting with its default, and every hook."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

if TYPE_CHECKING:
    from kernel.plugboard.board import Plugboard

ROOT = Path(__file__).parents[2]
ROW = re.compile(r"^\| `(\w+)` \| (.+?) \| (.+) \|$", re.MULTILINE)


@pytest.mark.parametrize(
    "name",
    [
        "rules",
        "welcome",
        "winback",
        "upsell",
        "recommend",
        "reengage",
        "compliance",
        "cadence",
        "outbox",
        "sendgrid",
        "smtp",
        "affinity",
        "churn",
        "rfm",
        "discounts",
        "claude",
        "tracking",
        "deliverability",
    ],
)
def test_readme_is_true(board: Plugboard, name: str) -> None:
    plugin = board.plugins[name]
    text = (ROOT / plugin.manifest.docs).read_text("utf-8")
    settings = text.partition("## Settings")[2].partition("## ")[0]
    told = {field: default.strip("`") for field, default, _ in ROW.findall(settings)}
    real = {}
    for field in msgspec.structs.fields(plugin.manifest.settings):
        value = str(field.default).replace("'", '"')
        real[field.name] = value
    assert told == real
    hooks = text.partition("## Hooks")[2].partition("## ")[0]
    for hook in plugin.hooks:
        assert f"`{hook}`" in hooks, hook
    for table in plugin.manifest.tables:
        assert f"`{table}`" in text
