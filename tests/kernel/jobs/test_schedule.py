"""Slots of regular jobs: on the tenant's clock, over changes of the clock, once each."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from kernel.events.turn import Turn
from kernel.jobs.due import Hints, due_work, run_due_inline
from kernel.jobs.schedule import due_slots, next_slot, plan, slot_at, zone
from kernel.plugboard.parts import Owned
from kernel.sdk import Job
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from tests.kernel.jobs.fixtures import change, effects, rows, value
from tests.kernel.jobs.probe import daily

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def at(text: str) -> Job:
    return Job(name="job", run=daily, daily_at=text)


@pytest.mark.parametrize(
    ("hour", "now", "slot"),
    [
        ("02:30", "2026-06-15T10:00", "2026-06-15T00:30"),
        ("02:30", "2026-06-15T00:29", "2026-06-14T00:30"),
        ("02:30", "2026-06-15T00:30", "2026-06-15T00:30"),
        # 2026-03-29: from 02:00 the clock shows 03:00. Half an hour after the jump, once.
        ("02:30", "2026-03-29T01:29", "2026-03-28T01:30"),
        ("02:30", "2026-03-29T01:30", "2026-03-29T01:30"),
        ("02:30", "2026-03-29T23:00", "2026-03-29T01:30"),
        ("02:30", "2026-03-30T00:30", "2026-03-30T00:30"),
        # 2026-10-25: 02:30 comes twice, at 00:30 and at 01:30 UTC. The first counts.
        ("02:30", "2026-10-25T00:29", "2026-10-24T00:30"),
        ("02:30", "2026-10-25T00:30", "2026-10-25T00:30"),
        ("02:30", "2026-10-25T01:30", "2026-10-25T00:30"),
        ("02:30", "2026-10-26T01:30", "2026-10-26T01:30"),
        # On the Berlin evening of the 24th it is still the 24th in UTC; after midnight it is not.
        ("00:10", "2026-10-24T22:09", "2026-10-23T22:10"),
        ("00:10", "2026-10-24T22:10", "2026-10-24T22:10"),
    ],
)
def test_daily_slots_follow_the_wall_clock(hour: str, now: str, slot: str) -> None:
    assert slot_at(at(hour), utc(now), BERLIN) == utc(slot)


@pytest.mark.parametrize(
    "name", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"]
)
@pytest.mark.parametrize("hour", ["00:00", "02:15", "02:30", "23:59"])
def test_walking_a_year_meets_every_day_once(name: str, hour: str) -> None:
    tz, job = ZoneInfo(name), at(hour)
    now = utc("2026-01-01T12:00") if name != "Pacific/Apia" else utc("2011-06-01T12:00")
    seen = [slot_at(job, now, tz)]
    for _ in range(366 * 16):
        upper = next_slot(job, now, tz)
        now += timedelta(minutes=90)
        slot = slot_at(job, now, tz)
        assert slot <= now
        if slot != seen[-1]:
            assert slot > seen[-1] and upper <= slot, "no slot comes before next_slot says so"
            seen.append(slot)
    # Samoa left out the 30th of December 2011: no day of 24 hours, so no slot either.
    assert len(seen) == 367


def test_every_counts_from_the_epoch() -> None:
    job = Job(name="job", run=daily, every=900.0)
    assert slot_at(job, utc("2026-03-29T01:14:59"), BERLIN) == utc("2026-03-29T01:00")
    assert slot_at(job, utc("2026-03-29T01:15"), BERLIN) == utc("2026-03-29T01:15")
    assert next_slot(job, utc("2026-03-29T01:15"), BERLIN) == utc("2026-03-29T01:30")


def test_first_sight_and_a_clock_turned_back() -> None:
    jobs = {"d": Owned("p", at("02:30")), "e": Owned("p", Job(name="e", run=daily, every=60.0))}
    now = utc("2026-06-15T10:00")
    assert [(s.job, s.run) for s in due_slots(jobs, now, BERLIN, {})] == [("d", False), ("e", True)]
    recorded = {"d": utc("2026-06-15T00:30"), "e": now}
    assert due_slots(jobs, now, BERLIN, recorded) == []
    back = due_slots(jobs, now - timedelta(days=3), BERLIN, recorded)
    assert [(s.job, s.run) for s in back] == [("d", False), ("e", False)]


def test_an_unknown_time_zone_is_utc() -> None:
    assert zone("Mars/Olympus").key == zone("../etc/passwd").key == "UTC"


async def test_a_slot_runs_once_and_of_missed_ones_the_latest(
    core: Core, clock: TurnedClock
) -> None:
    await run_due_inline(core, "alpha")
    await run_due_inline(core, "alpha")
    assert await effects(core) == ["tick 15 10:00"], "the daily job waits for its hour"
    clock.turn(minutes=59)
    await run_due_inline(core, "alpha")
    assert len(await effects(core)) == 1
    clock.turn(days=3)
    await run_due_inline(core, "alpha")
    assert (await effects(core))[1:] == ["daily 18 10:59", "tick 18 10:59"]
    assert await due_work(core) == []
    order = await rows(core, "SELECT job FROM jobs_task WHERE id > 1 ORDER BY id")
    assert [row["job"] for row in order] == [
        "probe.daily",
        "kernel.consent",
        "kernel.tidy",
        "kernel.rights",
        "probe.tick",
    ], "by slot"


async def test_the_tenants_own_clock_counts(core: Core) -> None:
    await run_due_inline(core, "alpha")
    for day in (1, 2, 3):
        await change(
            core,
            "UPDATE tenancy_tenant SET clock_at = $1 WHERE tenant_id = 'alpha'",
            utc(f"2027-01-0{day}T09:00"),
        )
        await run_due_inline(core, "alpha")
    await change(core, "UPDATE tenancy_tenant SET clock_at = NULL")  # back by half a year
    await run_due_inline(core, "alpha")
    assert (await effects(core))[1:] == [
        "daily 01 09:00",
        "tick 01 09:00",
        "daily 02 09:00",
        "tick 02 09:00",
        "daily 03 09:00",
        "tick 03 09:00",
    ]


async def test_two_planners_at_once_make_one_task(core: Core, clock: TurnedClock) -> None:
    await run_due_inline(core, "alpha")
    clock.turn(days=1)
    await asyncio.gather(*(plan(core, "alpha", Turn()) for _ in range(6)))
    assert await value(core, "SELECT count(*) FROM jobs_task WHERE state = 'due'") == 5


async def test_a_plugin_switched_off_has_no_slots(core: Core, clock: TurnedClock) -> None:
    await change(core, "UPDATE tenancy_plugin SET enabled = false")
    clock.turn(days=2)
    await run_due_inline(core, "alpha")
    assert await value(core, "SELECT count(*) FROM jobs_schedule") == 0
    assert await value(core, "SELECT count(*) FROM jobs_task") == 0


async def test_hints_spare_a_look_and_miss_nothing(core: Core, clock: TurnedClock) -> None:
    hints = Hints()
    await run_due_inline(core, "alpha")

    async def due() -> list[str]:
        return [work.lane for work in await due_work(core, hints)]

    assert await due() == []
    await change(core, "DELETE FROM jobs_schedule")
    assert await due() == [], "a hint was used: nobody else deletes from there"
    clock.turn(minutes=59, seconds=59)
    assert await due() == []
    clock.turn(seconds=1)
    assert await due() == ["kernel.scheduled"]
    assert await due() == ["kernel.scheduled"], "until it is planned, whoever lost the message"
    await run_due_inline(core, "alpha")
    assert await due() == []
    clock.turn(hours=-2)
    assert await due() == ["kernel.scheduled"], "the clock was turned back"
    await run_due_inline(core, "alpha")
    await change(core, "UPDATE tenancy_tenant SET timezone = 'Asia/Tokyo'")
    assert await due() == ["kernel.scheduled"]
