"""Plugins made in a test: a module from a few lines of source, and a board of them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pytest

from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.plugboard.parts import Failure
from kernel.sdk import Manifest

IMPORTS = "from kernel.sdk import *\nfrom kernel.sdk import hookimpl\nimport asyncio\n"
Pair = tuple[str, ModuleType]


def make_plugin(plugin: str, source: str = "", **facts: Any) -> Pair:
    """A plugin named `plugin` whose plugin.py is `source`; `facts` go to its manifest."""
    module = ModuleType(f"made_{plugin}")
    facts = {
        "version": "1.0",
        "title": plugin,
        "summary": "s",
        "kind": "tool",
        "name": plugin,
    } | facts
    module.__dict__["MANIFEST"] = Manifest(**facts)
    exec(
        compile(IMPORTS + textwrap.dedent(source), f"{plugin}.py", "exec", dont_inherit=True),
        module.__dict__,
    )
    for value in vars(module).values():
        if getattr(value, "__code__", None) and value.__code__.co_filename == f"{plugin}.py":
            value.__module__ = module.__name__
    return plugin, module


def make_board(
    *plugins: Pair, mandatory: tuple[str, ...] = (), deadline: float = 5.0
) -> tuple[Plugboard, list[Failure]]:
    """A board of these plugins alone, and the list its failures are reported to."""
    board = build_plugboard(mandatory, deadline, extra=plugins, only=())
    failures: list[Failure] = []
    board.report = failures.append
    return board, failures


@pytest.fixture
def plugin() -> Callable[..., Pair]:
    return make_plugin


@pytest.fixture
def boarded() -> Callable[..., tuple[Plugboard, list[Failure]]]:
    return make_board
