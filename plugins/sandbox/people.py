"""Who the customers are: what can be seen of them, and what only the sandbox knows (the truth).

Everything is a pure function of seed and number: customer 17 is the same person in a shop of 20 and
in one of 5,000, so people who join later never change those before them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl

from plugins.sandbox.catalogue import CATEGORIES
from plugins.sandbox.names import CULTURES, HOSTILE, WHOLESALE, plain
from plugins.sandbox.seasons import Floats, Ints, stream

# Purchase rates a day ~ gamma(SHAPE, mean SHAPE / SCALE_DAYS); drop-out after a purchase ~ beta.
SHAPE, SCALE_DAYS = 0.62, 68.0
DROP_A, DROP_B = 0.75, 3.4
MAX_RATE = 1 / 6
FAVOURITES = 6
BLOCK = 256
WHOLESALE_SHARE = 0.0012

HOSTILE_AT = (11, 23, 37, 53, 71)
"""The numbers of the customers with hostile names; they are subscribed and have an e-mail."""

_HOME = 0.62
_DEAD = 0.004
_DOMAINS = np.array(["example.com", "example.net", "example.org"])
_CONSENT = ("subscribed", "unsubscribed", "never", "pending", "unknown")
_CONSENT_SHARE = np.array([0.71, 0.09, 0.09, 0.05, 0.06])
_SOURCES = np.array(["checkout", "newsletter form", "pop-up", "in store"])


@dataclass(frozen=True, kw_only=True)
class People:
    """Parallel arrays, one place a customer; `number` counts from 1."""

    number: Ints
    rate: Floats
    """Orders a day while alive, before season."""
    drop: Floats
    """Chance to be lost after each order."""
    visitor: np.ndarray
    """True: joined the list without buying."""
    wholesale: np.ndarray
    taste: Floats
    """(n, categories): cumulative shares."""
    favourites: Ints
    """(n, FAVOURITES): uniform integers, made into products by the basket."""
    budget: Floats
    """Multiplies quantities and leans to dearer things; 1 is usual."""
    habit: Floats
    """The hour of their day they prefer."""
    shift: Floats
    """Hours their clock is ahead of the shop's."""
    pull: Floats
    """Chance that a fitting mail makes an order that would not have been; below 0 it puts off."""
    patience: Floats
    """Mails in two weeks they take without annoyance."""
    curiosity: Floats
    """Chance to click a mail."""
    dead: np.ndarray
    """True: nobody is at their address, and mail comes back."""
    seed: int
    culture: Ints
    """Index into CULTURES."""
    zone: np.ndarray
    """Name of the time zone."""

    def __len__(self) -> int:
        return len(self.number)


@lru_cache(maxsize=4)
def make_people(
    seed: int, count: int, country: str = "GB", timezone: str = "Europe/London"
) -> People:
    """The first `count` customers of the shop's world.

    Args:
        country, timezone: where the shop is; most customers live there.
    """
    # Somebody joins nearly every hour: those to come are made with the others, and not seen yet.
    people = _block(seed, -(-count // BLOCK) * BLOCK, country, timezone)
    cut = {f.name: getattr(people, f.name)[:count] for f in fields(people) if f.name != "seed"}
    return replace(people, **cut)


@lru_cache(maxsize=4)
def _block(seed: int, count: int, country: str, timezone: str) -> People:
    wholesale = stream(seed, "wholesale").random(count) < WHOLESALE_SHARE
    wholesale[np.array([i for i in (41, 97) if i < count], dtype=np.int64)] = True
    rate = stream(seed, "rate").gamma(SHAPE, 1 / SCALE_DAYS, count)
    drop = stream(seed, "drop").beta(DROP_A, DROP_B, count)
    taste = stream(seed, "taste").gamma(
        np.array([c.share for c in CATEGORIES]) * 4.0, 1.0, (count, len(CATEGORIES))
    )
    culture, zone = _origin(seed, count, country)
    names = [CULTURES[c].zones for c in culture]
    zones = np.array([z[int(u * len(z))] for z, u in zip(names, zone, strict=True)])
    usual = stream(seed, "budget").normal(0.0, 0.35, count)
    kind = stream(seed, "response").random(count)
    strength = stream(seed, "strength").beta(2.0, 18.0, count)
    dead = stream(seed, "dead").random(count) < _DEAD
    dead[[i - 1 for i in HOSTILE_AT if i <= count]] = False
    return People(
        number=np.arange(1, count + 1),
        rate=np.where(wholesale, 1 / 24, np.minimum(rate, MAX_RATE)),
        drop=np.where(wholesale, 0.01, drop),
        visitor=(stream(seed, "visitor").random(count) < 0.12) & ~wholesale,
        wholesale=wholesale,
        taste=np.cumsum(taste / taste.sum(axis=1, keepdims=True), axis=1),
        favourites=stream(seed, "favourites").integers(0, 1 << 30, (count, FAVOURITES)),
        budget=np.exp(usual),
        habit=stream(seed, "habit").normal(19.0, 3.5, count) % 24.0,
        shift=_shift(zones, timezone),
        # A third can be moved, every ninth is put off, the rest do as they would have done.
        pull=np.where(kind < 0.34, strength, np.where(kind > 0.89, -0.25, 0.0)),
        patience=2.0 + stream(seed, "patience").gamma(2.0, 1.5, count),
        curiosity=stream(seed, "curiosity").beta(1.0, 24.0, count),
        dead=dead,
        seed=seed,
        culture=culture,
        zone=zones,
    )


def _origin(seed: int, count: int, country: str) -> tuple[Ints, Floats]:
    """Index into CULTURES, and a uniform number that chooses the time zone there."""
    home = next((i for i, c in enumerate(CULTURES) if c.country == country), 0)
    draws = stream(seed, "origin").random((count, 3))
    weight = 1.0 / np.arange(1, len(CULTURES) + 1) ** 0.7
    away = np.searchsorted(np.cumsum(weight) / weight.sum(), draws[:, 1]).clip(0, len(CULTURES) - 1)
    return np.where(draws[:, 0] < _HOME, home, away), draws[:, 2]


def _shift(zones: np.ndarray, timezone: str) -> Floats:
    """Hours by winter time; summer time is left out, it moves an order by an hour at most."""
    winter = datetime(2025, 1, 15, tzinfo=UTC)

    def offset(zone: str) -> float:
        found = winter.astimezone(ZoneInfo(zone)).utcoffset()
        return found.total_seconds() / 3600 if found else 0.0

    unique, place = np.unique(zones, return_inverse=True)
    return np.array([offset(str(z)) for z in unique])[place] - offset(timezone)


def external_ids(who: Ints) -> list[str]:
    """The shop's own ids of these customers (index into People)."""
    return [f"sandbox-c{place + 1}" for place in who.tolist()]


def seen(people: People, since: int = 0) -> pl.DataFrame:
    """What the shop knows of the customers from index `since` on: external_id, email, first_name,
    last_name, country, timezone, locale, tags, consent, consent_source, consent_delay (days from
    joining to the evidence).
    """
    culture, zones, wholesale = people.culture, people.zone, people.wholesale
    count = len(culture)
    picks = stream(people.seed, "names").random((count, 2))
    fate = stream(people.seed, "consent").random((count, 4))
    state = np.searchsorted(np.cumsum(_CONSENT_SHARE), fate[:, 0]).clip(0, len(_CONSENT) - 1)
    rows: dict[str, list[object]] = {k: [] for k in ("first_name", "last_name", "email", "tags")}
    for i in range(since, count):
        of = CULTURES[culture[i]]
        first = of.first[int(picks[i, 0] * len(of.first))]
        last = of.last[int(picks[i, 1] * len(of.last))]
        local = ".".join(filter(None, (plain(first), plain(last), str(i + 1))))
        tags = ""
        if wholesale[i]:
            last, tags = f"{last} ({WHOLESALE[i % len(WHOLESALE)]})", "wholesale"
        if i + 1 in HOSTILE_AT:
            first, last = HOSTILE[HOSTILE_AT.index(i + 1)]
            local, tags, state[i] = f"hostile.{i + 1}", "<b>tag</b>", 0
        missing = fate[i, 1] < 0.03 and i + 1 not in HOSTILE_AT
        if missing:
            state[i] = 4
        domain = _DOMAINS[int(fate[i, 2] * len(_DOMAINS))]
        rows["first_name"].append(first)
        rows["last_name"].append(last)
        rows["email"].append(None if missing else f"{local}@{domain}")
        rows["tags"].append(tags)
    consent, fate = np.array(_CONSENT)[state[since:]], fate[since:]
    told = np.isin(consent, ("subscribed", "unsubscribed", "pending"))
    source = _SOURCES[(fate[:, 3] * len(_SOURCES)).astype(np.int64)]
    return pl.DataFrame(
        {
            "external_id": external_ids(np.arange(since, count)),
            **rows,
            "country": [CULTURES[c].country for c in culture[since:]],
            "timezone": zones[since:],
            "locale": [CULTURES[c].locale for c in culture[since:]],
            "consent": consent,
            "consent_source": np.where(
                consent == "unsubscribed", "unsubscribe link", np.where(told, source, "")
            ),
            # Nobody unsubscribes on the day they join.
            "consent_delay": np.where(consent == "unsubscribed", 20 + fate[:, 3] * 300, 0.0),
        },
        schema_overrides={"email": pl.String},
    )
