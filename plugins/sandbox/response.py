"""What mail does to people: the truth that the engine may only learn from its outcomes.

Pure functions over arrays, one place a mail. Formulas and figures: docs/sandbox.md.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from plugins.sandbox.people import People
from plugins.sandbox.seasons import Floats, Ints

DRAWS = 8
"""Uniform numbers that one mail uses up."""

FATIGUE_HALF_LIFE = 10.0
"""Days in which the weight of a mail on the mind halves."""
LEAVE, COMPLAIN = 0.0016, 0.00015
"""Chance that a mail nobody minds makes somebody leave, or report it as spam."""
PUT_OFF_DAYS = 14.0
WON_BACK = 0.3
"""A lost customer answers with so much of the usual strength."""
LAPSED_AFTER = 1.0


@dataclass(frozen=True, kw_only=True)
class Reactions:
    """One place a mail. Delays are in days after the hand-over; NaN where nothing happens."""

    click: Floats
    order: Floats
    leave: Floats
    complain: Floats
    put_off: np.ndarray
    """True: the customer buys nothing by themselves for PUT_OFF_DAYS."""


def fatigue_after(fatigue: Floats, days: Floats) -> Floats:
    """What is left of `fatigue` (in mails) after so many days."""
    left: Floats = fatigue * np.exp2(-np.maximum(days, 0.0) / FATIGUE_HALF_LIFE)
    return left


def need(
    people: People, who: Ints, bought: np.ndarray, since_order: Floats, lost: np.ndarray
) -> Floats:
    """How much a mail can move each customer now, 0 to 1.2: little right after an order, most when
    the next one is due by their own rhythm; those who never bought are open to a first order.
    """
    rhythm = since_order * people.rate[who]
    usual = np.clip(rhythm / LAPSED_AFTER, 0.15, 1.0)
    return np.where(bought, np.where(lost, WON_BACK, usual), 1.2)


def react(
    people: People,
    who: Ints,
    *,
    hour: Floats,
    fatigue: Floats,
    needed: Floats,
    draws: Floats,
    effect: float = 1.0,
    annoyance: float = 1.0,
) -> Reactions:
    """What each customer does about a mail that has just reached them.

    Args:
        who: index into `people`.
        hour: of the customer's day, at hand-over.
        fatigue: mails on their mind, this one included.
        needed: from `need`.
        draws: (mails, DRAWS) uniform numbers.
        effect, annoyance: the tenant's settings.
    """
    over = np.maximum(fatigue - people.patience[who], 0.0)
    fresh = np.exp2(-over)
    fits = 1.0 + 0.35 * np.cos(2 * np.pi * (hour - people.habit[who]) / 24.0)
    pull = np.maximum(people.pull[who], 0.0) * effect
    buys = draws[:, 0] < np.minimum(pull * needed * fits * fresh, 0.9)
    clicks = buys | (draws[:, 1] < people.curiosity[who] * fits * fresh)
    weight = np.minimum(np.exp(1.1 * over * annoyance), 200.0)
    leaves = draws[:, 2] < np.minimum(LEAVE * annoyance * weight, 0.5)
    complains = draws[:, 3] < np.minimum(COMPLAIN * annoyance * weight, 0.05)
    # Most answers come within hours; a third of the orders is slept on.
    reading = np.minimum(-np.log1p(-0.999 * draws[:, 4]) * 0.16, 2.5)
    thinking = np.where(draws[:, 5] < 0.66, 0.01 + 0.05 * draws[:, 6], 0.6 + 1.8 * draws[:, 6])
    return Reactions(
        click=np.where(clicks, reading, np.nan),
        order=np.where(buys, reading + thinking, np.nan),
        leave=np.where(leaves, reading + 0.003, np.nan),
        complain=np.where(complains & ~leaves, reading + 0.002, np.nan),
        put_off=(people.pull[who] < 0) & (draws[:, 7] < -people.pull[who] * effect),
    )
