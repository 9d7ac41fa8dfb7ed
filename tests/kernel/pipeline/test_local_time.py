"""Ten o'clock where the customer lives, whatever the clocks there do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.pipeline import approvals, begin
from kernel.pipeline.local_time import next_hour, zone_of
from kernel.testing.clock import START
from kernel.testing.seed import add_customers
from tests.kernel.pipeline.sending import approve, approved, decided, due, sending, sent, work

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.kernel.pipeline.provider import Provider

ZONES = sorted(available_timezones())
MOMENTS = st.datetimes(datetime(1990, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(after=MOMENTS, zone=st.sampled_from(ZONES), hour=st.integers(0, 23))
def test_the_next_hour_is_the_first_one_of_a_day(after: datetime, zone: str, hour: int) -> None:
    tz = ZoneInfo(zone)
    found = next_hour(after, tz, hour)
    assert after <= found <= after + timedelta(hours=50)
    assert next_hour(found, tz, hour) == found
    local = found.astimezone(tz)
    if (local.hour, local.minute) != (hour, 0):  # that hour was skipped: it is the end of the gap
        before = (found - timedelta(seconds=1)).astimezone(tz)
        jump = local.utcoffset() - before.utcoffset()  # type: ignore[operator]
        assert jump > timedelta(0)
        assert before.replace(tzinfo=None) < local.replace(tzinfo=None) - timedelta(seconds=1)
    assert next_hour(found + timedelta(microseconds=1), tz, hour) > found


@given(after=MOMENTS, zone=st.sampled_from(ZONES), hour=st.integers(0, 23))
def test_a_day_has_the_hour_once(after: datetime, zone: str, hour: int) -> None:
    tz = ZoneInfo(zone)
    first = next_hour(after, tz, hour)
    second = next_hour(first + timedelta(seconds=1), tz, hour)
    assert timedelta(hours=20) < second - first < timedelta(hours=50)


@pytest.mark.parametrize(
    ("after", "zone", "hour", "then"),
    [
        ("2026-06-15T07:00", "Europe/Berlin", 10, "2026-06-15T08:00"),
        ("2026-06-15T08:00", "Europe/Berlin", 10, "2026-06-15T08:00"),
        ("2026-06-15T08:01", "Europe/Berlin", 10, "2026-06-16T08:00"),
        (
            "2026-03-28T12:00",
            "Europe/Berlin",
            2,
            "2026-03-29T01:00",
        ),  # there is no 2:00: it is 3:00
        ("2026-10-24T12:00", "Europe/Berlin", 2, "2026-10-25T00:00"),  # 2:00 twice: the first
        ("2026-10-25T00:30", "Europe/Berlin", 2, "2026-10-26T01:00"),  # … and not the second
        ("2026-06-15T07:00", "Asia/Kathmandu", 10, "2026-06-16T04:15"),
        ("2026-06-15T07:00", "Pacific/Kiritimati", 0, "2026-06-15T10:00"),
    ],
)
def test_known_hours(after: str, zone: str, hour: int, then: str) -> None:
    at = datetime.fromisoformat(after).replace(tzinfo=UTC)
    assert next_hour(at, ZoneInfo(zone), hour) == datetime.fromisoformat(then).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("timezone", "country", "zone"),
    [
        ("America/New_York", "DE", "America/New_York"),
        ("", "JP", "Asia/Tokyo"),
        ("", "de", "Europe/Berlin"),
        ("", "US", "Europe/Vienna"),  # many zones: the shop's
        ("", "", "Europe/Vienna"),
        ("Nowhere/At_All", "FR", "Europe/Paris"),
        ("../../etc/passwd", "", "Europe/Vienna"),
    ],
)
def test_where_a_customer_lives(timezone: str, country: str, zone: str) -> None:
    assert zone_of(timezone, country, "Europe/Vienna") == ZoneInfo(zone)


async def test_each_gets_it_at_ten_of_their_own_day(
    shop: Core, provider: Provider, clock: TurnedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(begin, "PAGE", 2)
    await sending(shop, local_hour=10)
    created = START - timedelta(days=2)
    async with shop.tenant_scope("alpha") as ctx:
        await add_customers(ctx, 3, created_at=created, timezone="America/New_York", country="US")
        await add_customers(ctx, 3, created_at=created, timezone="", country="JP")
    campaign_id = await approved(shop, 3, timezone="", country="")  # the shop's zone, Berlin
    hours = {}
    for hour in range(26):
        await work(shop)
        if out := await sent(shop, campaign_id):
            hours.setdefault(out, hour)
        if due_now := await due(shop, clock):
            raise AssertionError(due_now)
        clock.turn(hours=1)
    # It is 10:00 UTC: 6 in New York, 12 in Berlin, 19 in Tokyo.
    assert hours == {3: 4, 6: 15, 9: 22}


async def test_a_moved_start_moves_the_hour(
    shop: Core, provider: Provider, clock: TurnedClock
) -> None:
    await sending(shop, local_hour=10)
    campaign_id = await decided(shop, 3)
    await approve(shop, campaign_id)
    await work(shop)
    async with shop.tenant_scope("alpha", actor="merchant") as ctx:
        await approvals.pause(ctx, campaign_id)
        await approvals.schedule(ctx, campaign_id, START + timedelta(days=2))
        await approvals.resume(ctx, campaign_id)
    clock.turn(days=1, hours=23)
    await work(shop)
    assert await sent(shop, campaign_id) == 0
    clock.turn(hours=1)
    await work(shop)
    assert await sent(shop, campaign_id) == 0  # it is noon in Berlin
    clock.turn(hours=22)
    await work(shop)
    assert await sent(shop, campaign_id) == 3
