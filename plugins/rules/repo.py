"""How many decisions each rule made lately."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.sdk import Frozen
from plugins.rules.table import POLICY

if TYPE_CHECKING:
    from kernel.sdk import Context

DAYS = 30
MOST = 50_000
"""The latest decisions that are looked at: they stand in the order of the primary key, so this is quick
also in a shop that has made a hundred million.
"""

_COUNTS = """
SELECT policy, count(*) AS decisions FROM (
  SELECT policy, decided_at FROM pipeline_decision WHERE tenant_id = $1 ORDER BY id DESC LIMIT $2
) d WHERE decided_at > $3 GROUP BY policy
"""


class Counts(Frozen):
    """Of the shop's latest decisions."""

    by_rule: dict[str, int]
    """Rule -> decisions of this version of the table."""
    others: int
    """Decisions by other deciders, or by an earlier version."""
    cut: bool
    """Whether there were more than could be looked at."""

    @property
    def all(self) -> int:
        """How many decisions were looked at."""
        return sum(self.by_rule.values()) + self.others


async def counts(ctx: Context) -> Counts:
    """Decisions of the last 30 days by rule, the latest 50,000 at most."""
    since = ctx.now - timedelta(days=DAYS)
    rows = await ctx.db.fetch(_COUNTS, ctx.tenant.id, MOST, since)
    by_rule: dict[str, int] = {}
    others = 0
    for row in rows:
        policy, _, rule = row["policy"].partition(":")
        if policy == POLICY and rule:
            by_rule[rule] = row["decisions"]
        else:
            others += row["decisions"]
    return Counts(by_rule=by_rule, others=others, cut=sum(by_rule.values()) + others >= MOST)
