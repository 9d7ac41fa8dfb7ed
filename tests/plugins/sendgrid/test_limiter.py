"""The pace of an account: what it learns, and that it keeps to it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from plugins.sendgrid.limiter import LOST, START, WIDTH, Limiter, seconds_to_reset

NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)


async def once(limiter: Limiter, status: int, headers: dict[str, str] | None = None) -> bool:
    """Whether there was a turn; it is answered by this."""
    began = await limiter.enter(asyncio.get_running_loop().time() + 0.05)
    if began is None:
        return False
    limiter.leave(began, status, headers or {}, NOW)
    return True


async def test_more_side_by_side_while_all_goes_well() -> None:
    limiter = Limiter()
    for _ in range(5000):
        assert await once(limiter, 202)
    assert limiter.width == WIDTH
    assert limiter.under_way == 0


async def test_never_more_under_way_than_the_width() -> None:
    limiter = Limiter()
    until = asyncio.get_running_loop().time() + 0.05
    turns = await asyncio.gather(*(limiter.enter(until) for _ in range(20)))
    assert len([turn for turn in turns if turn is not None]) == limiter.under_way == START


async def test_who_waits_gets_the_turn_that_is_given_back() -> None:
    limiter = Limiter()
    far = asyncio.get_running_loop().time() + 30
    begun = [await limiter.enter(far) for _ in range(int(START))]
    waiting = asyncio.create_task(limiter.enter(far))
    await asyncio.sleep(0)
    assert begun[0] is not None
    limiter.leave(begun[0], 202, {}, NOW)
    assert await waiting is not None


async def test_429_halves_once_however_many_were_under_way() -> None:
    limiter = Limiter()
    until = asyncio.get_running_loop().time() + 1
    begun = [await limiter.enter(until) for _ in range(4)]
    for turn in begun:
        assert turn is not None
        limiter.leave(turn, 429, {"retry-after": "300"}, NOW)
    assert limiter.width == START / 2
    assert 299 < limiter.pause_left() <= 300
    assert not await once(limiter, 202)


async def test_what_is_left_is_not_overdrawn() -> None:
    limiter = Limiter()
    headers = {"x-ratelimit-remaining": "2", "x-ratelimit-reset": str(NOW.timestamp() + 60)}
    assert await once(limiter, 202, headers)
    until = asyncio.get_running_loop().time() + 0.05
    turns = [await limiter.enter(until) for _ in range(4)]
    assert [turn is not None for turn in turns] == [True, True, False, False]
    assert 0 < limiter.pause_left() <= 60


async def test_lost_answers_in_a_row_stop_it_and_one_taken_forgives() -> None:
    limiter = Limiter()
    for _ in range(LOST - 1):
        assert await once(limiter, 0)
    assert await once(limiter, 202)
    for _ in range(LOST):
        assert await once(limiter, 500)
    assert not await once(limiter, 202)
    assert limiter.pause_left() > 0


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7),
        ({"x-ratelimit-reset": "30"}, 30),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) + 40)}, 40),
        ({"x-ratelimit-reset": str(int(NOW.timestamp()) - 40)}, 0),
        (
            {"x-ratelimit-reset": "1781517630", "date": "Mon, 15 Jun 2026 10:00:00 GMT"},
            30,
        ),
        ({"x-ratelimit-reset": "soon"}, None),
        ({"retry-after": "999999"}, None),
    ],
)
def test_when_it_counts_anew(headers: dict[str, str], seconds: float | None) -> None:
    assert seconds_to_reset(headers, NOW) == seconds
