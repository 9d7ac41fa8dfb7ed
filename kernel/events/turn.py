"""A bounded slice of one tenant's work, and one attempt at a piece of it."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from kernel.plugboard.parts import describe
from kernel.tenancy.health import without_people

if TYPE_CHECKING:
    from kernel.tenancy.scope import TenantScope

WAITS = (1.0, 5.0, 30.0, 120.0, 600.0, 3600.0, 14400.0)
"""Seconds of machine time after the first, second … failed attempt."""
ATTEMPTS = len(WAITS) + 1
"""After so many failed attempts, a piece of work is dead: shown, and run again only by hand."""


class NoAnswer(Exception):
    """A plugin's function did not end in time."""


class Turn:
    """How long a tenant may work until others have theirs: no new piece is begun after that.

    Args:
        seconds: its length.
        stopping: says that this process stops, so that no new piece may be begun.
    """

    def __init__(self, seconds: float = 1.0, stopping: Callable[[], bool] = lambda: False) -> None:
        self._end = time.monotonic() + seconds
        self._stopping = stopping

    @property
    def left(self) -> float:
        """Seconds until it is over."""
        return 0.0 if self._stopping() else max(0.0, self._end - time.monotonic())

    def over(self) -> bool:
        """True when no new piece of work may be begun."""
        return not self.left


def wait_after(attempts: int) -> float | None:
    """Seconds until the next attempt, or None when that was the last. A fifth more or less, so that
    what failed together does not come back together.
    """
    if attempts >= ATTEMPTS:
        return None
    return WAITS[max(attempts, 1) - 1] * random.uniform(0.8, 1.2)


async def attempt(
    ctx: TenantScope, call: Callable[[], Awaitable[Any]], seconds: float
) -> BaseException | None:
    """What a plugin's function failed with, its work undone; None when it ended well.

    Only the cancellation of this very task is passed on.
    """
    try:
        async with asyncio.timeout(seconds) as timer, ctx.savepoint():
            await call()
    # A plugin may raise anything at all; it is the plugin's failure and nobody else's.
    except (Exception, SystemExit) as error:  # noqa: BLE001
        return NoAnswer(f"did not end within {seconds:g} s") if timer.expired() else error
    except asyncio.CancelledError as error:
        task = asyncio.current_task()
        if task is None or task.cancelling():
            raise
        return error
    return None


def sentence(error: BaseException) -> str:
    """The error in one line, without what may be a person's, for a table the merchant sees."""
    return without_people(describe(error))
