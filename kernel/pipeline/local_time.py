"""A customer's own time of day: in which zone they live, and when an hour comes there next."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, time, timedelta
from functools import lru_cache
from importlib import resources
from zoneinfo import ZoneInfo


def zone_of(timezone: str, country: str, otherwise: str) -> ZoneInfo:
    """Where a customer lives: by their own zone, else by a country that has one only, else the shop's.

    Args:
        timezone: the customer's, as an IANA name; what is not one counts as unknown.
        country: two letters.
        otherwise: the shop's zone.
    """
    return _zone(timezone) or _zone(_single_zones().get(country.upper(), "")) or ZoneInfo(otherwise)


def next_hour(after: datetime, zone: ZoneInfo, hour: int) -> datetime:
    """The first moment from `after` on at which a day in `zone` reaches `hour`; in UTC.

    Each day has one: an hour that the clocks skip begins when they have gone forward, and of an hour
    that comes twice the first counts.
    """
    day = after.astimezone(zone).date() - timedelta(days=1)
    while True:
        wall = datetime.combine(day, time(hour), zone)  # fold 0: the first of two, the gap's end
        if (moment := wall.astimezone(UTC)) >= after:
            return moment
        day += timedelta(days=1)


@lru_cache(maxsize=1000)
def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name) if name else None
    except (KeyError, ValueError, OSError):  # no such zone, or no name at all
        return None


@lru_cache
def _single_zones() -> dict[str, str]:
    """Country -> its zone, of the countries with one only, by the tz database."""
    table = resources.files("tzdata.zoneinfo").joinpath("zone.tab").read_text("utf-8")
    zones = defaultdict(list)
    for line in table.splitlines():
        if line and not line.startswith("#"):
            country, _, zone, *_ = line.split("\t")
            zones[country].append(zone)
    # Germany's second one is an enclave in Switzerland, and has had Berlin's time since 1981.
    return {country: found[0] for country, found in zones.items() if len(found) == 1} | {
        "DE": "Europe/Berlin"
    }
