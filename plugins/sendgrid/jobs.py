"""What the sendgrid plugin does beside requests: folding events, and forgetting old ones."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from kernel.sdk import enqueue
from plugins.sendgrid import repo
from plugins.sendgrid.fold import BATCH, fold
from plugins.sendgrid.manifest import MANIFEST, SendGridSettings

if TYPE_CHECKING:
    from kernel.sdk import Context

ROUNDS = 50
"""Batches a run; what is left is for the next run, so that other work of the tenant gets its turn."""


async def fold_events(ctx: Context, payload: dict[str, Any]) -> None:
    """Fold what has come, a batch a transaction, until nothing is due."""
    for _ in range(ROUNDS):
        async with ctx.transaction() as tx:
            if await fold(tx) < BATCH:
                return
    async with ctx.transaction() as tx:
        await enqueue(tx, f"{MANIFEST.name}.fold", key="fold")


async def tidy(ctx: Context, payload: dict[str, Any]) -> None:
    """Remove events that came more than `keep_days` ago, some thousand a transaction."""
    before = ctx.now - timedelta(days=ctx.settings(SendGridSettings).keep_days)
    removed = 1
    while removed:
        async with ctx.transaction() as tx:
            removed = await repo.purge(tx, before)
