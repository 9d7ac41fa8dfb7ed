"""What a decider's confidence is worth at this merchant: measured against what the merchant did.

A campaign that was approved as it was counts 1, one that was edited first a half, a rejected one 0.
Confidence is cut into ten bins. A bin's value is the mean of a beta-binomial posterior: what happened
in it, and `PRIOR` campaigns' worth of what would be expected without: midway between what the decider says
and what the merchant does on the whole. Then neighbours are pooled until more confidence never means less
(isotonic regression), so that another approval never lowers a value and another rejection never
raises one. With fewer than `ENOUGH` judged campaigns there is no value at all.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context

ENOUGH = 10
"""Judged campaigns below which there is not enough history."""
BINS = 10
PRIOR = 4.0
HISTORY = 300
"""Campaigns looked back on; a merchant's taste of years ago says little."""
WORTH = {"approved": 1.0, "edited": 0.5, "rejected": 0.0}

# What was approved at once with others was not looked at, so it teaches nothing.
_JUDGED = """
SELECT campaign_type, raw, verdict FROM pipeline_judgement
WHERE tenant_id = $1 AND NOT at_once ORDER BY at DESC, act DESC LIMIT $2
"""


class Judged(Frozen):
    """One campaign that a person looked at."""

    campaign_type: str
    raw: float
    worth: float


class TrustBin(Frozen):
    """One row of the reliability table: campaigns whose confidence lay in [low, high)."""

    low: float
    high: float
    campaigns: int
    said: float
    """Mean of what the deciders said; 0 without campaigns."""
    was: float
    """Mean of what the merchant did, between 0 (all rejected) and 1 (all approved unedited)."""
    calibrated: float
    """What confidence of this bin is worth."""


class Calibration(Frozen):
    """A merchant's scale."""

    judged: int
    bins: tuple[TrustBin, ...]
    """Empty where there is not enough history."""

    def of(self, raw: float) -> float | None:
        """What this confidence is worth, between 0 and 1; None without enough history."""
        return self.bins[_bin(raw)].calibrated if self.bins else None


def calibrate(history: Sequence[Judged]) -> Calibration:
    """The scale that follows from these campaigns, in whatever order."""
    if len(history) < ENOUGH:
        return Calibration(judged=len(history), bins=())
    usual = (sum(one.worth for one in history) + 1) / (len(history) + 2)
    inside: list[list[Judged]] = [[] for _ in range(BINS)]
    for one in history:
        inside[_bin(one.raw)].append(one)
    blocks: list[tuple[float, float, int]] = []  # (sum, weight, bins)
    for number, judged in enumerate(inside):
        expected = (usual + (number + 0.5) / BINS) / 2
        block = (
            sum(one.worth for one in judged) + PRIOR * expected,
            len(judged) + PRIOR,
            1,
        )
        while blocks and blocks[-1][0] * block[1] >= block[0] * blocks[-1][1]:
            last = blocks.pop()
            block = (last[0] + block[0], last[1] + block[1], last[2] + block[2])
        blocks.append(block)
    values = [total / weight for total, weight, bins in blocks for _ in range(bins)]
    return Calibration(
        judged=len(history),
        bins=tuple(
            TrustBin(
                low=number / BINS,
                high=(number + 1) / BINS,
                campaigns=len(judged),
                said=_mean([one.raw for one in judged]),
                was=_mean([one.worth for one in judged]),
                calibrated=min(1.0, values[number]),
            )
            for number, judged in enumerate(inside)
        ),
    )


async def judged(ctx: Context) -> list[Judged]:
    """What people said of the last campaigns they looked at, newest first."""
    rows = await ctx.db.fetch(_JUDGED, ctx.tenant.id, HISTORY)
    return [
        Judged(campaign_type=row["campaign_type"], raw=row["raw"], worth=WORTH[row["verdict"]])
        for row in rows
    ]


def scale(history: Sequence[Judged], campaign_type: str = "") -> Calibration:
    """The type's own scale where it has enough history, else the tenant's."""
    own = [one for one in history if one.campaign_type == campaign_type]
    return calibrate(own if len(own) >= ENOUGH else history)


def _bin(raw: float) -> int:
    return min(BINS - 1, max(0, int(raw * BINS + 1e-9)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
