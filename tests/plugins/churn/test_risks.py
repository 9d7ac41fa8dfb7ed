"""What the page counts and lists, from traits alone."""

from __future__ import annotations

import itertools
from datetime import timedelta
from typing import Any

import polars as pl
import pytest

from kernel.sdk import Context, write_trait_frame
from kernel.tenancy.core import Core
from kernel.testing.seed import add_customers
from plugins.churn import risks, words
from plugins.churn.manifest import ChurnSettings
from tests.plugins.churn.shop import AS_OF

SETTINGS = ChurnSettings()
LIKELY, RISK, LOST = risks.groups(SETTINGS)


async def say(ctx: Context, *told: tuple[float, float, int | None]) -> list[int]:
    """Customers with (chance of no order, expected value, days to the next order)."""
    ids = await add_customers(ctx, len(told))
    frame = pl.DataFrame(
        {
            "customer_id": ids,
            "churn.probability": [one[0] for one in told],
            "churn.expected_value": [one[1] for one in told],
            "churn.next_order_at": [
                None if one[2] is None else ctx.now + timedelta(days=one[2]) for one in told
            ],
            "churn.reasons": [["Last order on 2026-03-23, usually every 31 days."]] * len(told),
        },
        schema_overrides={"churn.next_order_at": pl.Datetime("us", "UTC")},
    )
    await write_trait_frame(ctx, "churn", "1", frame)
    return ids


async def test_everybody_is_in_one_group(alpha: Context) -> None:
    chances = [0.0, 0.05, 0.49, 0.5, 0.5, 0.94, 0.95, 0.96, 1.0]
    await say(alpha, *[(one, 10.0, None) for one in chances])
    seen = await risks.overview(alpha, SETTINGS, 30)
    assert [one.customers for one in seen.groups] == [3, 4, 2] and seen.customers == 9
    assert [sum(one.bars) for one in seen.groups] == [3, 4, 2]
    assert seen.groups[0].bars == (2, 0, 0, 0, 1, 0, 0, 0, 0, 0)
    assert seen.groups[1].bars == (0, 0, 0, 0, 0, 2, 0, 0, 0, 2)
    assert seen.groups[2].bars == (0,) * 9 + (2,)
    assert seen.ordering == pytest.approx(9 - sum(chances)) and seen.worth == 90


async def test_the_table_has_the_most_at_stake_first(alpha: Context) -> None:
    ids = await say(
        alpha, (0.5, 10, 7), (0.9, 10, None), (0.6, 30, 7), (0.2, 900, 7), (0.99, 5, None)
    )
    rows = await risks.page(alpha, RISK, 0, 10)
    assert [one.customer_id for one in rows] == [ids[1], ids[2], ids[0]]
    assert [round(one.stake, 2) for one in rows] == [90, 45, 10]
    assert rows[0].next_at is None and rows[2].next_at == alpha.now + timedelta(days=7)
    assert rows[0].name == "Ada Byron" and rows[0].reasons
    assert [one.customer_id for one in await risks.page(alpha, LIKELY, 0, 10)] == [ids[3]]
    assert [one.customer_id for one in await risks.page(alpha, LOST, 0, 10)] == [ids[4]]


async def test_pages_hold_everybody_once(alpha: Context) -> None:
    ids = await say(alpha, *[(0.7, 10.0, None)] * 23)
    seen = [
        one.customer_id
        for start in range(0, 30, 5)
        for one in await risks.page(alpha, RISK, start, 5)
    ]
    assert seen == ids


async def test_certain_loss_is_no_division_by_zero(alpha: Context) -> None:
    await say(alpha, (1.0, 0.0, None), (1.0, 3.0, None))
    seen = await risks.overview(alpha, SETTINGS, 30)
    assert seen.ordering == 0 and seen.groups[2].stake == pytest.approx(300)


async def test_nobody(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await say(ctx, (0.7, 10.0, None))
    async with core.tenant_scope("bravo") as ctx:
        seen = await risks.overview(ctx, SETTINGS, 30)
        assert seen.customers == 0 and seen.weeks == (0,) * 4
        assert await risks.page(ctx, RISK, 0, 10) == []


def test_the_groups_follow_the_settings():
    groups = risks.groups(ChurnSettings(at_risk=0.3, lost=0.8))
    assert [(one.low, one.high) for one in groups] == [(0, 29), (30, 80), (81, 100)]
    for at_risk in (0.1, 0.5, 0.95):
        for lost in (0.5, 0.95, 1.0):
            groups = risks.groups(ChurnSettings(at_risk=at_risk, lost=lost))
            assert groups[0].low == 0 and groups[-1].high == 100
            assert all(a.high + 1 == b.low for a, b in itertools.pairwise(groups))


def row(ordering: float, days: float | None) -> dict[str, Any]:
    at = None if days is None else (AS_OF + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"ordering": ordering, "next_at": at}


def test_the_calendar_holds_all_that_is_expected_within_the_horizon():
    weeks = risks.calendar([row(40, 6), row(10, 20), row(5, None)], AS_OF, 84)
    assert len(weeks) == 12 and sum(weeks) == pytest.approx(55)
    assert weeks[0] > weeks[5] > weeks[11] > 0


def test_half_of_a_group_comes_before_its_date():
    # The date stands at the end of its week.
    weeks = risks.calendar([row(100, 14 + 3.5)], AS_OF, 70)
    assert sum(weeks[:2]) == pytest.approx(50, abs=0.1)
    even = risks.calendar([row(100, None)], AS_OF, 70)
    assert even == pytest.approx([10] * 10, rel=0.02)


def test_dates_that_went_by_are_due_now():
    weeks = risks.calendar([row(100, -30)], AS_OF, 42)
    assert weeks[0] == pytest.approx(100, abs=1)


def test_weeks_end_within_the_horizon():
    assert [len(risks.calendar([], AS_OF, days)) for days in (30, 35, 84, 180)] == [4, 5, 12, 12]


@pytest.mark.parametrize(
    ("ago", "said"), [(84, "84 days ago"), (1, "yesterday"), (0, "today"), (-3, "today")]
)
def test_a_reason_tells_days(ago: int, said: str):
    day = (AS_OF - timedelta(days=ago)).strftime("%Y-%m-%d")
    told = words.today(f"Last order on {day}, usually every 31 days.", AS_OF, "Europe/Berlin")
    assert told == f"Last order {said}, usually every 31 days."


def test_days_are_those_of_the_shop():
    late = AS_OF.replace(hour=23)  # the next day in Berlin
    assert words.today("One order so far, on 2026-06-15.", late, "Europe/Berlin").endswith(
        "yesterday."
    )
    assert words.today("One order so far, on 2026-06-15.", late, "UTC").endswith("today.")
