"""A clock that a test turns."""

from __future__ import annotations

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
