from __future__ import annotations

import dataclasses
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest

from kernel.plugboard.board import Plugboard
from kernel.tenancy.core import Core

_spec = importlib.util.spec_from_file_location("tenancy_toys", Path(__file__).parent / "toys.py")
assert _spec is not None and _spec.loader is not None
toys: Any = importlib.util.module_from_spec(_spec)
sys.modules["tenancy_toys"] = toys
_spec.loader.exec_module(toys)

TENANT = """
name = "Alder & Oak"
timezone = "Europe/Berlin"
currency = "EUR"
country = "DE"
postal_address = "Hauptstr. 1, 10115 Berlin, Germany"

[sender]
name = "Alder & Oak"
email = "hello@alder.example"
"""


@pytest.fixture
def toy_board() -> Plugboard:
    board: Plugboard = toys.toy_board()
    return board


@pytest.fixture
def told() -> list[tuple[str, str, str]]:
    """What the toy plugins were told in this test."""
    toys.told.clear()
    found: list[tuple[str, str, str]] = toys.told
    return found


@pytest.fixture
def toy_core(core: Core, toy_board: Plugboard) -> Core:
    """`core`, with the toy plugins and no others."""
    return dataclasses.replace(core, board=toy_board)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty `tenants/`."""
    (tmp_path / "tenants").mkdir()
    return tmp_path / "tenants"


Write = Callable[..., None]


@pytest.fixture
def write(folder: Path) -> Write:
    """write("acme/shop", extra_toml, base=...) writes a tenant; write("acme") a reseller."""

    def write(place: str, extra: str = "", base: str | None = None) -> None:
        reseller, _, tenant = place.partition("/")
        home = folder / reseller
        home.mkdir(exist_ok=True)
        if not tenant:
            text = 'name = "Acme"\n' if base is None else base
            (home / "reseller.toml").write_text(text + dedent(extra), encoding="utf-8")
            return
        if not (home / "reseller.toml").exists():
            (home / "reseller.toml").write_text('name = "Acme"\n', encoding="utf-8")
        (home / tenant).mkdir(exist_ok=True)
        text = (TENANT if base is None else base) + dedent(extra)
        (home / tenant / "tenant.toml").write_text(text, encoding="utf-8")

    return write
