"""When a mail may go out: right to the minute, in every zone and across changes of the clock."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.cadence.hours import Hours, next_allowed, zone
from plugins.cadence.manifest import CadenceSettings

BERLIN, NEW_YORK = ZoneInfo("Europe/Berlin"), ZoneInfo("America/New_York")
NIGHT = Hours.of(CadenceSettings())
MINUTE = timedelta(minutes=1)


def at(text: str, zone: ZoneInfo = BERLIN) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone).astimezone(UTC)


@pytest.mark.parametrize(
    ("now", "until"),
    [
        ("2026-06-15 12:00", "2026-06-15 12:00"),
        ("2026-06-15 08:00", "2026-06-15 08:00"),
        ("2026-06-15 07:59", "2026-06-15 08:00"),
        ("2026-06-15 20:59", "2026-06-15 20:59"),
        ("2026-06-15 21:00", "2026-06-16 08:00"),
        ("2026-06-15 23:59", "2026-06-16 08:00"),
        ("2026-12-31 22:00", "2027-01-01 08:00"),
        # The clock goes forward at 02:00 on 29 March and back at 03:00 on 25 October 2026.
        ("2026-03-28 22:00", "2026-03-29 08:00"),
        ("2026-10-24 22:00", "2026-10-25 08:00"),
    ],
)
def test_the_night_in_berlin(now: str, until: str) -> None:
    assert next_allowed(at(now), BERLIN, NIGHT) == at(until)


def test_equal_times_mean_no_quiet_hours() -> None:
    hours = Hours(start=time(8), end=time(8), days=frozenset(range(7)))
    assert next_allowed(at("2026-06-15 03:00"), BERLIN, hours) == at("2026-06-15 03:00")


def test_only_weekdays() -> None:
    hours = Hours.of(CadenceSettings(weekdays=("mon", "tue")))
    assert next_allowed(at("2026-06-16 20:59"), BERLIN, hours) == at("2026-06-16 20:59")
    assert next_allowed(at("2026-06-17 12:00"), BERLIN, hours) == at("2026-06-22 08:00")
    assert next_allowed(at("2026-06-16 22:00"), BERLIN, hours) == at("2026-06-22 08:00")


def test_a_week_without_a_friday() -> None:
    """Samoa went from Thursday 29 to Saturday 31 December 2011."""
    hours = Hours(start=time(0), end=time(0), days=frozenset([4]))
    apia = ZoneInfo("Pacific/Apia")
    until = next_allowed(datetime(2011, 12, 25, tzinfo=UTC), apia, hours)
    assert until == datetime(2012, 1, 6, tzinfo=apia)


def test_one_day_a_week() -> None:
    hours = Hours.of(CadenceSettings(weekdays=("mon",)))
    assert next_allowed(at("2026-06-15 21:00"), BERLIN, hours) == at("2026-06-22 08:00")


def test_an_end_that_does_not_exist_is_where_the_clock_jumps_to() -> None:
    hours = Hours(start=time(22), end=time(2, 30), days=frozenset(range(7)))
    until = next_allowed(at("2026-03-28 23:00"), BERLIN, hours)
    assert until == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)
    assert until.astimezone(BERLIN).time() == time(3)


def test_an_end_that_comes_twice_is_the_first_one_still_ahead() -> None:
    hours = Hours(start=time(21), end=time(1, 30), days=frozenset(range(7)))
    first = datetime(2026, 11, 1, 5, 10, tzinfo=UTC)  # 01:10 in New York, summer time
    assert next_allowed(first, NEW_YORK, hours) == datetime(2026, 11, 1, 5, 30, tzinfo=UTC)
    second = first + timedelta(hours=1)  # 01:10 again, winter time
    assert next_allowed(second, NEW_YORK, hours) == datetime(2026, 11, 1, 6, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["", "Mars/Olympus", "../../etc/passwd", "Europe\0Berlin", "/etc"])
def test_a_zone_that_is_none_is_the_shops(name: str) -> None:
    assert zone(name, "America/New_York").key == "America/New_York"


# Where clocks change by an hour, by half an hour, at midnight, not at all, or the day was skipped.
ZONES = [
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "America/Santiago",
    "Africa/Cairo",
    "Asia/Kathmandu",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Asia/Tokyo",
]
times = st.builds(time, st.integers(0, 23), st.sampled_from([0, 1, 15, 30, 59]))
all_hours = st.builds(
    Hours, start=times, end=times, days=st.frozensets(st.integers(0, 6), min_size=1)
)


def minutes(year: int, month: int, day: int, days: int) -> st.SearchStrategy[datetime]:
    """Any minute in so many days from this one on."""
    start = datetime(year, month, day, tzinfo=UTC)
    return st.integers(0, days * 1440).map(lambda minute: start + minute * MINUTE)


# Around the changes of 2026, the day that Apia skipped, and anywhere.
moments = st.one_of(
    minutes(2026, 1, 1, 365),
    minutes(2026, 3, 27, 10),
    minutes(2026, 10, 22, 12),
    minutes(2011, 12, 25, 8),
)


@settings(max_examples=300, deadline=None)
@given(now=moments, name=st.sampled_from(ZONES), hours=all_hours)
def test_is_the_first_allowed_minute(now: datetime, name: str, hours: Hours) -> None:
    local = ZoneInfo(name)
    until = next_allowed(now, local, hours)
    assert until.utcoffset() == timedelta(0)
    assert hours.allow(until.astimezone(local))
    assert now <= until <= now + timedelta(days=15)
    wait = int((until - now) / MINUTE)
    # Every minute of the last four hours before it, and every 17th before that.
    checked = {*range(max(0, wait - 240), wait), *range(0, wait, 17)}
    assert not any(hours.allow((now + m * MINUTE).astimezone(local)) for m in checked)
    assert next_allowed(until, local, hours) == until
