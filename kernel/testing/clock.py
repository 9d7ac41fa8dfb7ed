"""A clock that a test turns."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

START = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)
"""A Monday, outside of quiet hours in Europe and at the US east coast's dawn."""


class TurnedClock:
    """Implements `contracts.context.Clock`; stands still until turned."""

    def __init__(self, at: datetime = START) -> None:
        self.at = at

    def now(self) -> datetime:
        """The time it was set to."""
        return self.at

    def turn(self, **by: float) -> datetime:
        """Go forward: `clock.turn(days=3, hours=1)`; returns the new time."""
        self.at += timedelta(**by)
        return self.at


@contextmanager
def server_zone(zone: str) -> Iterator[None]:
    """The machine itself stands in this time zone for the length of the block."""
    old = os.environ.get("TZ")
    os.environ["TZ"] = zone
    time.tzset()
    try:
        yield
    finally:
        os.environ.pop("TZ") if old is None else os.environ.update(TZ=old)
        time.tzset()
