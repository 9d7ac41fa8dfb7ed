"""Order is data, and a plan is an allow-list."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.contracts.errors import BootError
from kernel.plugboard.board import build_plugboard

from .conftest import make_plugin

TOLD = "@hookimpl\nasync def tenant_enabled(ctx):\n    pass\n"


def test_mandatory_then_after_then_order_then_name(plugin, boarded) -> None:
    board, _ = boarded(
        plugin("zz", order=1),
        plugin("yy", order=10, after=("zz", "not_installed")),
        plugin("bb", order=20),
        plugin("aa", order=20),
        plugin("law", order=99),
        plugin("first", order=5, after=("bb",)),
        plugin("last_law", order=1, after=("law",)),
        mandatory=("law", "last_law"),
    )
    assert list(board.plugins) == ["law", "last_law", "zz", "yy", "aa", "bb", "first"]


def test_a_mandatory_plugin_does_not_wait_for_an_optional_one(plugin, boarded) -> None:
    board, _ = boarded(plugin("law", after=("other",)), plugin("other"), mandatory=("law",))
    assert list(board.plugins) == ["law", "other"]


def test_a_circle_is_named(plugin, boarded) -> None:
    with pytest.raises(BootError) as caught:
        boarded(
            plugin("aa", after=("cc",)),
            plugin("bb", after=("aa",)),
            plugin("cc", after=("bb",)),
            plugin("dd", after=("cc",)),
            plugin("ee"),
        )
    assert caught.value.problems == (
        "aa, bb, cc, dd: wait for one another with `after`; break the circle",
    )


@pytest.fixture(scope="module")
def board():
    pairs = [make_plugin(f"p{n:02d}", TOLD, order=(n * 7) % 5) for n in range(12)]
    return build_plugboard(("p03",), extra=pairs, only=())


@given(chosen=st.frozensets(st.sampled_from([f"p{n:02d}" for n in range(14)])))
def test_a_plan_is_the_allow_list_in_the_order_of_the_board(board, chosen: frozenset[str]) -> None:
    asked = [plugin for plugin, _ in board.plans("tenant_enabled", chosen).steps]
    assert asked == [name for name in board.plugins if name in chosen]
    assert board.plans("tenant_enabled", chosen) is board.plans("tenant_enabled", frozenset(chosen))
    assert board.enabled(chosen) == chosen & board.plugins.keys() | {"p03"}


def test_the_cache_of_plans_is_bounded(board, monkeypatch) -> None:
    monkeypatch.setattr("kernel.plugboard.plans._PLANS_KEPT", 8)
    for number in range(100):
        board.plans("tenant_enabled", frozenset([f"x{number}"]))
        assert len(board.plans._kept) <= 8


def test_requirements_that_are_not_enabled(plugin, boarded) -> None:
    board, _ = boarded(
        plugin("upsell", requires=("affinity", "law")),
        plugin("affinity", requires=("rfm",)),
        plugin("rfm"),
        plugin("law"),
        mandatory=("law",),
    )
    assert board.missing_requirements(["upsell"]) == [("upsell", "affinity")]
    assert board.missing_requirements(["upsell", "affinity"]) == [("affinity", "rfm")]
    assert board.missing_requirements(["upsell", "affinity", "rfm"]) == []
    assert board.missing_requirements([]) == []


@pytest.mark.parametrize(
    "takes", ["", "ctx", "batch, ctx", "stage", "*, ctx", "batch, *, stage", "ctx, stage, batch"]
)
async def test_a_hook_may_take_fewer_arguments_in_any_order(plugin, boarded, takes: str) -> None:
    names = [name.strip() for name in takes.replace("*", "").split(",") if name.strip(" ,")]
    source = f"""
seen = []
@hookimpl
async def compliance_rules({takes}):
    seen.append(dict({", ".join(f"{name}={name}" for name in names)}))
    return [Verdict(outcome="allowed")]
"""
    name, module = plugin("aa", source)
    board, failures = boarded((name, module))
    given = {"ctx": "c", "stage": "s", "batch": ("b",)}
    await board.veto("compliance_rules", frozenset(["aa"]), **given)
    assert not failures
    assert module.seen == [{name: given[name] for name in names}]
