"""Large posts: kept as they came, and taken apart by the fold, so that the answer does not wait for it."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import structlog

from plugins.sendgrid import events, repo

if TYPE_CHECKING:
    from kernel.sdk import Context

log = structlog.get_logger(__name__)

LARGE = 48 * 1024
"""Bytes from which on a post is kept whole: some hundred events, whose rows take longer than the post."""
POSTS = 2
"""Posts taken apart in one transaction: of 768 KB each, some three thousand events."""

_KEEP = """
INSERT INTO sendgrid_post (tenant_id, digest, received_at, raw) VALUES ($1, $2, $3, $4)
ON CONFLICT DO NOTHING
"""
_TAKE = """
DELETE FROM sendgrid_post WHERE tenant_id = $1 AND digest IN (
  SELECT digest FROM sendgrid_post WHERE tenant_id = $1 ORDER BY received_at LIMIT $2
  FOR UPDATE SKIP LOCKED)
RETURNING raw
"""


async def keep(ctx: Context, body: bytes) -> None:
    """Keep a post; the same one twice is one while it waits."""
    digest = hashlib.sha256(body).digest()
    await ctx.db.execute(_KEEP, ctx.tenant.id, digest, ctx.now, body)


async def take_apart(ctx: Context, limit: int = POSTS) -> int:
    """Store the events of the oldest posts, each once; how many posts that was."""
    posts = await ctx.db.fetch(_TAKE, ctx.tenant.id, limit)
    for post in posts:
        await store(ctx, post["raw"])
    return len(posts)


async def store(ctx: Context, body: bytes) -> int:
    """Store the events of a post; how many were not here yet."""
    received = events.read(body, ctx.tenant.id, ctx.now)
    if malformed := sum(one.kind == events.MALFORMED for one in received):
        # What cannot be read will not be read better next time: it is kept, shown and not asked again.
        log.warning("events cannot be read", events=malformed, bytes=len(body))
    return await repo.store(ctx, received)
