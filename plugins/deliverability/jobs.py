"""What happens by itself: checks are made again, and figures are looked at."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from kernel.sdk import campaigns, tell_health
from plugins.deliverability import checks, gate, health, repo
from plugins.deliverability.manifest import MANIFEST, DeliverabilitySettings

if TYPE_CHECKING:
    from kernel.sdk import Context

HOUR = timedelta(hours=1)
CHECK = f"{MANIFEST.name}.check"
ASKED = "asked"
"""The key under which a check waits that a person asked for."""
_OPEN = """
SELECT EXISTS (SELECT FROM pipeline_campaign WHERE tenant_id = $1
  AND status IN ('deciding', 'waiting', 'sending', 'paused') AND channel NOT IN ('', 'outbox'))
"""


async def check(ctx: Context, payload: dict[str, Any]) -> None:
    """Ask the DNS where that is due, or where a person wants it (`asked`). No transaction is open while
    it answers.
    """
    async with ctx.transaction() as tx:
        if not (payload.get("asked") or (await sends(tx) and await due(tx))):
            return
        settings, about = tx.settings(DeliverabilitySettings), checks.asked(tx)
    found = await checks.run(settings, about)
    async with ctx.transaction() as tx:
        before = {one.what: one.state for one in await repo.checks(tx)}
        await repo.save(tx, found)
        for one in found:
            if one.state == "bad" and before.get(one.what) != "bad":
                tell_health(tx, MANIFEST.name, f"{one.what} of {one.subject}", one.words)


async def watch(ctx: Context, payload: dict[str, Any]) -> None:
    """Pause and go on, by the figures."""
    await health.watch(ctx)


async def sends(ctx: Context) -> bool:
    """Whether anything leaves by another channel than the outbox: else the DNS is none of our business."""
    if campaigns.channel_of(cast("Any", ctx)) not in ("", "outbox"):
        return True
    return bool(await ctx.db.fetchval(_OPEN, ctx.tenant.id))


async def due(ctx: Context) -> bool:
    """Daily while all is well; every hour while something is not, or the sender is another now."""
    found = await repo.checks(ctx)
    if not found:
        return True
    oldest = min(one.checked_at for one in found)
    well = all(one.state in ("ok", "warn") for one in found)
    about = checks.asked(ctx)
    same = {"spf": about.bounces, "dmarc": about.sender, "mx": about.replies}
    if any(one.subject != same[one.what] for one in found if one.what in same):
        return True
    return oldest <= ctx.now - (gate.FRESH - HOUR if well else HOUR)
