"""How fast one account takes mail: found out by sending, and by listening to what it answers.

Requests under way and requests a second grow a little with each that is taken and are halved by a
429 (AIMD). Where SendGrid says how many are left (X-RateLimit-Remaining) and until when
(X-RateLimit-Reset, Retry-After), that is kept to. Answers that got lost, several in a row, stop the
account for a while too: each of them leaves messages unknown.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from weakref import WeakKeyDictionary

START = 8.0
WIDTH = 64
"""The most requests under way for one account in one process."""
PAUSE = 1.0
LONGEST = 60.0
"""Seconds to leave an account alone that says no more than 429: doubled each time, up to LONGEST."""
LOST = 3
"""So many lost answers in a row stop the account for a while."""
FAR = 3600.0
"""A pause longer than this is not believed."""


class Limiter:
    """The pace of one account in this process."""

    def __init__(self) -> None:
        self.width = START
        self.under_way = 0
        self.resume = 0.0
        """Loop time before which nothing is sent."""
        self.rate = 0.0
        """Requests a second; 0: no limit known."""
        self._next = 0.0
        self._pause = PAUSE
        self._cut = 0.0
        self._lost = 0
        self._taken = 0
        self._since = 0.0
        self._left: int | None = None
        self._reset = 0.0
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def enter(self, until: float) -> float | None:
        """Wait for a turn; the loop time at which it began, for `leave`. None: none comes by `until`."""
        loop = asyncio.get_running_loop()
        while True:
            now = loop.time()
            if self._left is not None and now >= self._reset:
                self._left = None
            opens = max(self.resume, self._next, self._reset if self._left == 0 else 0.0)
            if now >= until or opens > until:
                return None
            if opens > now:
                await asyncio.sleep(opens - now)
            elif self.under_way >= int(self.width):
                turn: asyncio.Future[None] = loop.create_future()
                self._waiting.append(turn)
                try:
                    await asyncio.wait((turn,), timeout=until - now)
                finally:
                    turn.cancel()  # who no longer waits must not be woken in another's place
            else:
                break
        self.under_way += 1
        if self._left:
            self._left -= 1
        if self.rate:
            self._next = max(now, self._next) + 1.0 / self.rate
        return now

    def leave(self, began: float, status: int, headers: Mapping[str, str], now: datetime) -> None:
        """Give the turn back and learn from the answer; `status` 0: there was none."""
        at = asyncio.get_running_loop().time()
        wait = seconds_to_reset(headers, now)
        left = _number(headers.get("x-ratelimit-remaining"))
        if left is not None and wait is not None:
            self._left, self._reset = max(0, int(left) - self.under_way + 1), at + wait
        if status == 429:
            self._slow_down(began, at, wait)
        elif status == 0 or status >= 500:
            self._lost += 1
            self.width = max(1.0, self.width / 2)
            if self._lost >= LOST:
                self._rest(at, None)
        else:
            self._taken += 1
            self._lost, self._pause = 0, PAUSE
            self.width = min(float(WIDTH), self.width + 1.0 / self.width)
            if self.rate:
                self.rate += 0.1  # a tenth a second more, each second
        self.give_back()

    def give_back(self) -> None:
        """Give a turn back that was not used, and the next in line theirs."""
        self.under_way -= 1
        free = int(self.width) - self.under_way
        while self._waiting and free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                free -= 1

    def pause_left(self) -> float:
        """Seconds until it makes sense to ask again; 0 when nothing is known."""
        at = asyncio.get_running_loop().time()
        reset = self._reset if self._left == 0 else 0.0
        return max(0.0, max(self.resume, reset) - at)

    def _slow_down(self, began: float, at: float, wait: float | None) -> None:
        if began >= self._cut:  # those that were under way at the last cut tell nothing new
            self.width = max(1.0, self.width / 2)
            seconds = at - self._since
            measured = self._taken / seconds if self._since and seconds >= 1.0 else self.rate
            self.rate = max(1.0, measured / 2) if measured else 0.0
            self._cut, self._taken = at, 0
            self._rest(at, wait)
            self._since = self.resume
        elif wait is not None:
            self.resume = max(self.resume, at + wait)

    def _rest(self, at: float, wait: float | None) -> None:
        self.resume = max(self.resume, at + (self._pause if wait is None else wait))
        self._pause = min(LONGEST, self._pause * 2)


_limiters: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[str, str, str], Limiter]] = (
    WeakKeyDictionary()
)


def limiter(identity: tuple[str, str, str]) -> Limiter:
    """The limiter of an account in this process and event loop."""
    kept = _limiters.setdefault(asyncio.get_running_loop(), {})
    return kept.setdefault(identity, Limiter())


def seconds_to_reset(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds until SendGrid counts anew, by Retry-After or X-RateLimit-Reset; None if it is not said.

    The reset is told in seconds since 1970, by some endpoints in seconds from now. It is held against
    the Date of the same answer, so that our clock need not be right; `now` is for want of that.
    """
    after = _number(headers.get("retry-after"))
    reset = _number(headers.get("x-ratelimit-reset"))
    if after is None and reset is not None:
        after = reset - _date(headers, now) if reset > 1e8 else reset
    if after is None or after > FAR:
        return None
    return max(0.0, after)


def _date(headers: Mapping[str, str], now: datetime) -> float:
    try:
        return parsedate_to_datetime(headers.get("date", "")).timestamp()
    except ValueError:
        return now.timestamp()


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None
