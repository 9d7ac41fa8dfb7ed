"""Every installed plugin of ours passes the kit that strangers use."""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points

import pytest

from kernel.plugboard.load import GROUP
from kernel.testing import conformance

INSTALLED = sorted(entry_points(group=GROUP), key=lambda entry: entry.name)


@pytest.mark.parametrize("entry", INSTALLED, ids=lambda entry: entry.name)
def test_is_a_plugin(entry) -> None:
    conformance.check_plugin(import_module(entry.value))


@pytest.mark.parametrize("name", [entry.name for entry in INSTALLED])
async def test_keeps_the_contracts_of_its_hooks(alpha, name: str) -> None:
    await conformance.check_behaviour(alpha, name)
