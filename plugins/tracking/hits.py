"""Hits as they come: written after the answer went out, many at once, and never more than is sane."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID
from weakref import WeakKeyDictionary

from kernel.sdk import Frozen
from plugins.tracking.scanners import Agent

if TYPE_CHECKING:
    from kernel.sdk import Context

MOST = 200
"""Hits kept of one message: whoever plays with a link cannot fill the table."""
_KEEP = f"""
INSERT INTO tracking_hit (tenant_id, kind, message_id, link_id, at, head, agent)
SELECT $1, h.* FROM unnest($2::text[], $3::uuid[], $4::bigint[], $5::timestamptz[], $6::bool[],
                           $7::text[]) h (kind, message_id, link_id, at, head, agent)
WHERE (SELECT count(*) FROM (SELECT FROM tracking_hit t WHERE t.tenant_id = $1
         AND t.message_id = h.message_id LIMIT {MOST}) n) < {MOST}
"""


class Raw(Frozen):
    """What is kept of a request: no address, no header, only what kind of program it was."""

    kind: str
    message_id: UUID
    link_id: int
    at: datetime
    head: bool
    agent: Agent


class Recorder:
    """Writes hits in batches: while one is written, those that come wait and are the next."""

    def __init__(self) -> None:
        self._waiting: dict[str, list[Raw]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def keep(self, ctx: Context, hit: Raw) -> None:
        """Returns when the hit is committed."""
        tenant = ctx.tenant.id
        self._waiting.setdefault(tenant, []).append(hit)
        async with self._locks.setdefault(tenant, asyncio.Lock()):
            if batch := self._waiting.pop(tenant, []):
                async with ctx.transaction() as tx:
                    await write(tx, batch)


async def write(ctx: Context, batch: list[Raw]) -> None:
    """One insert for the batch."""
    columns = [[getattr(hit, name) for hit in batch] for name in Raw.__struct_fields__]
    await ctx.db.execute(_KEEP, ctx.tenant.id, *columns)


def recorder() -> Recorder:
    """The recorder of this process, one an event loop."""
    loop = asyncio.get_running_loop()
    if loop not in _RECORDERS:
        _RECORDERS[loop] = Recorder()
    return _RECORDERS[loop]


_RECORDERS: WeakKeyDictionary[asyncio.AbstractEventLoop, Recorder] = WeakKeyDictionary()
