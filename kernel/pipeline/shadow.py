"""Shadow mode: what `automatic` would have done with each campaign, beside what the merchant did."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from kernel.contracts.base import Frozen
from kernel.pipeline import confidence, previews

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.context import Context
    from kernel.pipeline.confidence import Calibration
    from kernel.pipeline.levels import Standing

LAST = 20
"""Over how many campaigns agreement is told."""

# Records are bytes of canonical JSON, so a key has one spelling, which inside a text would be escaped.
# To find it is ten times as fast as to parse 50,000 records; only those with a grant are parsed.
# Of each message the decision is looked up by its key: right after a campaign was decided the planner
# knows nothing of its rows, and a plain join may then read all decisions for every message.
_MEASURE = """
SELECT count(*) AS decisions, count(*) FILTER (WHERE sends) AS sends,
  coalesce(avg(substring(convert_from(said, 'LATIN1') FROM '^[0-9.eE+-]+')::float8)
           FILTER (WHERE sends), 0) AS raw,
  count(*) FILTER (WHERE breach) AS breaches,
  count(*) FILTER (WHERE sends AND granted #>> '{grant,offer}' <> '') AS offers,
  coalesce(sum((granted #>> '{grant,reserved}')::float8) FILTER (WHERE sends), 0) AS reserved
FROM (
  SELECT m.state IN ('planned', 'deferred') AS sends,
    position('"breach":true'::bytea IN d.record) > 0 AS breach,
    CASE WHEN position('"grant":{'::bytea IN d.record) > 0
      THEN convert_from(d.record, 'UTF8')::json END AS granted,
    substring(r.rest FROM nullif(position('"confidence":'::bytea IN r.rest), 0) + 13 FOR 24) AS said
  FROM pipeline_message m
  CROSS JOIN LATERAL (
    SELECT record FROM pipeline_decision d WHERE d.tenant_id = m.tenant_id AND d.id = m.decision_id
    OFFSET 0) d
  CROSS JOIN LATERAL (
    SELECT substring(d.record FROM position('"decision":{'::bytea IN d.record)) AS rest OFFSET 0) r
  WHERE m.tenant_id = $1 AND m.campaign_id = $2) r
"""
_INSERT = """
INSERT INTO pipeline_shadow (tenant_id, campaign_id, campaign_type, at, level, decisions, sends,
  breaches, offers, reserved, raw, calibrated, threshold, would_send, why)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
"""
_ROWS = """
SELECT s.campaign_id, s.campaign_type, c.title, s.at, s.level, s.raw, s.calibrated, s.threshold,
  s.would_send, s.why, coalesce(j.verdict, '') AS verdict, j.at AS judged_at,
  coalesce(j.at_once, false) AS at_once
FROM pipeline_shadow s
JOIN pipeline_campaign c ON c.tenant_id = s.tenant_id AND c.id = s.campaign_id
LEFT JOIN pipeline_judgement j ON j.tenant_id = s.tenant_id AND j.campaign_id = s.campaign_id
WHERE s.tenant_id = $1
"""


class Shadow(Frozen):
    """One campaign: what `automatic` would have done, and what was done."""

    campaign_id: UUID
    campaign_type: str
    title: str
    at: datetime
    level: str
    raw: float
    calibrated: float | None
    """None: there was not enough history, which counts as low."""
    threshold: float
    would_send: bool
    why: str
    verdict: Literal["", "approved", "edited", "rejected"]
    """The last word of a person; empty where there is none."""
    judged_at: datetime | None
    at_once: bool
    """Approved together with others, without being looked at."""

    @property
    def agrees(self) -> bool | None:
        """Whether `automatic` would have been right. None where nobody looked, and where it was only more
        careful than need be: what was held back and then approved as it was.
        """
        if not self.verdict or self.at_once or (not self.would_send and self.verdict == "approved"):
            return None
        return self.would_send == (self.verdict == "approved")


class Agreement(Frozen):
    """How often `automatic` would have been right."""

    of: int
    agreed: int

    @property
    def rate(self) -> float | None:
        """Between 0 and 1; None where there is nothing to compare."""
        return self.agreed / self.of if self.of else None


async def write(ctx: Context, campaign: Campaign, standing: Standing) -> Shadow:
    """Measure a decided campaign and keep what `automatic` would do with it."""
    found = await ctx.db.fetchrow(_MEASURE, ctx.tenant.id, campaign.id)
    await ctx.db.execute(
        "UPDATE pipeline_campaign SET confidence = $3 WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        campaign.id,
        found["raw"],
    )
    scale = confidence.scale(await confidence.judged(ctx), campaign.campaign_type)
    value = scale.of(found["raw"])
    would_send, why = verdict(scale, value, standing.threshold)
    if would_send and (told := await previews.faults(ctx, campaign.id)):
        would_send, why = False, f"{previews.UNFIT} {told}"
    await ctx.db.execute(
        _INSERT,
        ctx.tenant.id,
        campaign.id,
        campaign.campaign_type,
        ctx.now,
        standing.effective,
        found["decisions"],
        found["sends"],
        found["breaches"],
        found["offers"],
        found["reserved"],
        found["raw"],
        value,
        standing.threshold,
        would_send,
        why,
    )
    [row] = await ctx.db.fetch(_ROWS + " AND s.campaign_id = $2", ctx.tenant.id, campaign.id)
    return _shadow(row)


def verdict(scale: Calibration, value: float | None, threshold: float) -> tuple[bool, str]:
    """Whether a calibrated confidence is enough to send, and why, in a sentence."""
    if value is None:
        return False, (
            f"Not enough history: {scale.judged} of {confidence.ENOUGH} campaigns were approved or "
            "rejected one by one."
        )
    if value >= threshold:
        return True, f"Its confidence, {value:.0%}, reaches the threshold of {threshold:.0%}."
    return False, f"Its confidence, {value:.0%}, is below the threshold of {threshold:.0%}."


async def rows(
    ctx: Context, before: datetime | None = None, limit: int = 50, campaign_type: str = ""
) -> list[Shadow]:
    """The newest campaigns first.

    Args:
        ctx: the tenant.
        before: only those decided before this time (`at` of the last one of the page before).
        limit: how many.
        campaign_type: only of this type.
    """
    found = await ctx.db.fetch(
        _ROWS
        + """ AND ($2::timestamptz IS NULL OR s.at < $2) AND ($4 = '' OR s.campaign_type = $4)
            ORDER BY s.at DESC, s.campaign_id DESC LIMIT $3""",
        ctx.tenant.id,
        before,
        limit,
        campaign_type,
    )
    return [_shadow(row) for row in found]


async def of(ctx: Context, campaign_id: UUID) -> Shadow | None:
    """That of one campaign; None while it is being decided."""
    row = await ctx.db.fetchrow(_ROWS + " AND s.campaign_id = $2", ctx.tenant.id, campaign_id)
    return _shadow(row) if row else None


async def judged(ctx: Context, since: datetime | None = None) -> list[Shadow]:
    """The last campaigns that people judged, the newest judgement first."""
    found = await ctx.db.fetch(
        _ROWS
        + """ AND j.at IS NOT NULL AND ($2::timestamptz IS NULL OR j.at > $2)
            ORDER BY j.at DESC, j.act DESC LIMIT $3""",
        ctx.tenant.id,
        since,
        confidence.HISTORY,
    )
    return [_shadow(row) for row in found]


def agreement(shadows: Iterable[Shadow], campaign_type: str = "") -> Agreement:
    """Over the last LAST campaigns of a type (empty: of all) in which there is something to compare."""
    agreed = [
        one.agrees
        for one in shadows
        if one.agrees is not None and campaign_type in ("", one.campaign_type)
    ][:LAST]
    return Agreement(of=len(agreed), agreed=sum(agreed))


def _shadow(row: Any) -> Shadow:
    return Shadow(**{name: row[name] for name in Shadow.__struct_fields__})
