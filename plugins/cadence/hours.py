"""When may a mail go out? Pure time arithmetic, right across changes of the clock."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from kernel.sdk import Frozen
from plugins.cadence.manifest import WEEK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from plugins.cadence.manifest import CadenceSettings

MIDNIGHT = time(0)
MINUTE = timedelta(minutes=1)


class Hours(Frozen):
    """The quiet hours of a day, from `start` up to but not including `end`, and the days of the week
    (0 is Monday) on which mail may go out. Equal times: no quiet hours.
    """

    start: time
    end: time
    days: frozenset[int]

    @classmethod
    def of(cls, settings: CadenceSettings) -> Hours:
        """The hours a merchant chose."""
        return cls(
            start=time.fromisoformat(settings.quiet_from),
            end=time.fromisoformat(settings.quiet_until),
            days=frozenset(WEEK.index(day) for day in settings.weekdays),
        )

    def allow(self, local: datetime) -> bool:
        """Whether a mail may go out at this local time."""
        now = local.time()
        if self.start <= self.end:
            quiet = self.start <= now < self.end
        else:
            quiet = now >= self.start or now < self.end
        return not quiet and local.weekday() in self.days


@lru_cache(maxsize=1024)
def zone(name: str, otherwise: str) -> ZoneInfo:
    """The time zone `name`, or `otherwise` where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(otherwise)


@lru_cache(maxsize=4096)
def next_allowed(now: datetime, local: ZoneInfo, hours: Hours) -> datetime:
    """`now` itself when mail may go out, else the first moment after it when it may, in UTC.

    Cached: a batch of a thousand customers lives in few time zones.
    """
    if hours.allow(now.astimezone(local)):
        return now
    today = now.astimezone(local).date()
    found: datetime | None = None
    # Two weeks and a day on either side: only Fridays may be allowed, and Samoa once had a week without.
    for offset in range(-1, 16):
        day = today + timedelta(days=offset)
        if found is not None and day > found.astimezone(local).date() + timedelta(days=1):
            break
        for at in _openings(day, local, hours):
            if at > now and (found is None or at < found) and hours.allow(at.astimezone(local)):
                found = at
    # There is always one, since quiet hours end every day and a weekday is allowed.
    return found or now + timedelta(days=1)


def _openings(day: date, local: ZoneInfo, hours: Hours) -> Iterator[datetime]:
    """Every moment of a local day at which mail could begin to be allowed, in UTC: the end of the
    quiet hours and midnight (a clock set back shows both twice), and the change of the clock.
    """
    for moment in (hours.end, MIDNIGHT):
        for fold in (0, 1):
            yield datetime.combine(day, moment, local).replace(fold=fold).astimezone(UTC)
    low = datetime.combine(day, MIDNIGHT, local).astimezone(UTC)
    high = low + timedelta(hours=26)
    before = low.astimezone(local).utcoffset()
    if before == high.astimezone(local).utcoffset():
        return
    while high - low > MINUTE:
        middle = low + timedelta(minutes=(high - low) // MINUTE // 2)
        if middle.astimezone(local).utcoffset() == before:
            low = middle
        else:
            high = middle
    yield high
