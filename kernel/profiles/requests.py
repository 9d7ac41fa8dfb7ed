"""What customers ask for by their rights: a copy, or to be forgotten. Each has a deadline and a receipt.

One month to answer: Art. 12(3) GDPR, and longer than nobody else allows. A receipt names no person: it
says what was done, when, by whom, how much, and where the consent ledger stood.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.errors import Conflict, NotFound
from kernel.profiles.consent_ledger import flush
from kernel.profiles.repo import customer
from kernel.profiles.rights import CustomerExport, erase_customer, export_customer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context

Kind = Literal["export", "erase"]
DAYS = 30
"""Days to answer: a month, by its shortest reading that the law allows."""
WARN = timedelta(days=7)

KEPT = (
    "A keyed hash of the address, so that no later import writes to it again.",
    "Orders and messages without name and address, counted in the shop's figures.",
    "The entries of the consent ledger, whose evidence nobody can read any more.",
)
"""What stays after an erasure, for the receipt. Art. 17(3)(b) and 21(3) GDPR."""


class Request(Frozen):
    """One request. `receipt` is empty until it was tried."""

    id: int
    customer_id: int
    kind: Kind
    source: str
    asked_at: datetime
    due_at: datetime
    actor: str
    tried_at: datetime | None
    done_at: datetime | None
    receipt: dict[str, Any]

    def late(self, now: datetime) -> bool:
        """Whether its deadline has passed unanswered."""
        return self.done_at is None and self.due_at <= now

    def soon(self, now: datetime) -> bool:
        """Whether a week or less is left."""
        return self.done_at is None and self.due_at <= now + WARN


_SELECT = """
SELECT id, customer_id, kind, source, asked_at, due_at, actor, tried_at, done_at, receipt
FROM profiles_request WHERE tenant_id = $1
"""


async def ask(ctx: Context, customer_id: int, kind: Kind, source: str = "") -> Request:
    """Note what a customer asked for; the open request when it was asked for before.

    Raises:
        NotFound: there is no such customer.
    """
    await customer(ctx, customer_id)
    await ctx.db.execute(
        """INSERT INTO profiles_request (tenant_id, customer_id, kind, source, asked_at, due_at, actor)
           VALUES ($1, $2, $3, $4, $5, $6, $7)
           ON CONFLICT (tenant_id, customer_id, kind) WHERE done_at IS NULL DO NOTHING""",
        ctx.tenant.id,
        customer_id,
        kind,
        source,
        ctx.now,
        ctx.now + timedelta(days=DAYS),
        ctx.actor,
    )
    row = await ctx.db.fetchrow(
        _SELECT + " AND customer_id = $2 AND kind = $3 AND done_at IS NULL",
        ctx.tenant.id,
        customer_id,
        kind,
    )
    return _request(row)


async def get(ctx: Context, request_id: int) -> Request:
    """One request; raises NotFound."""
    row = await ctx.db.fetchrow(_SELECT + " AND id = $2", ctx.tenant.id, request_id)
    if row is None:
        raise NotFound("There is no such request.", "See the list of requests.")
    return _request(row)


async def page(ctx: Context, after: int | None = None, limit: int = 50) -> Sequence[Request]:
    """Requests, newest first; `after` is the id of the last one of the page before."""
    rows = await ctx.db.fetch(
        _SELECT + " AND ($2::bigint IS NULL OR id < $2) ORDER BY id DESC LIMIT $3",
        ctx.tenant.id,
        after,
        limit,
    )
    return [_request(row) for row in rows]


async def open_ones(ctx: Context, limit: int = 200) -> Sequence[Request]:
    """What still waits, the most urgent first."""
    rows = await ctx.db.fetch(
        _SELECT + " AND done_at IS NULL ORDER BY due_at, id LIMIT $2", ctx.tenant.id, limit
    )
    return [_request(row) for row in rows]


async def copy(ctx: Context, request_id: int) -> tuple[Request, CustomerExport]:
    """Answer a request for a copy: the copy, and the request with its receipt.

    Raises:
        NotFound: there is no such request or customer.
        Conflict: it asks for something else.
    """
    request = await _locked(ctx, request_id, "export")
    found = await export_customer(ctx, request.customer_id)
    rows = {name: len(kept) for name, kept in found.kernel.items() if kept}
    for plugin, tables in found.plugins.items():
        rows |= {f"{plugin}: {name}": len(kept) for name, kept in tables.items() if kept}
    return await _note(ctx, request, {"rows": rows}, found.failed), found


async def erase(ctx: Context, request_id: int) -> Request:
    """Answer a request to be forgotten. Where a plugin could not answer, the request stays open and is
    tried again every day; what was removed stays removed.

    Raises:
        NotFound: there is no such request or customer.
        Conflict: it asks for something else.
    """
    request = await _locked(ctx, request_id, "erase")
    if request.done_at is not None:
        return request
    done = await erase_customer(ctx, request.customer_id)
    await flush(ctx)
    head = await ctx.db.fetchrow(
        "SELECT seq, encode(hash, 'hex') AS hash FROM profiles_consent_head WHERE tenant_id = $1",
        ctx.tenant.id,
    )
    receipt = {"rows": done.by, "kept": KEPT, "ledger": dict(head) if head else {}}
    return await _note(ctx, request, receipt, done.failed)


async def retry(ctx: Context) -> int:
    """Try again what was tried and could not be ended; how many are done now."""
    done = 0
    for request in await open_ones(ctx):
        if request.kind == "erase" and request.tried_at is not None:
            done += (await erase(ctx, request.id)).done_at is not None
    return done


async def _locked(ctx: Context, request_id: int, kind: Kind) -> Request:
    row = await ctx.db.fetchrow(_SELECT + " AND id = $2 FOR UPDATE", ctx.tenant.id, request_id)
    if row is None:
        raise NotFound("There is no such request.", "See the list of requests.")
    if row["kind"] != kind:
        raise Conflict("The request asks for something else.", "See the list of requests.")
    return _request(row)


async def _note(
    ctx: Context, request: Request, receipt: dict[str, Any], failed: Sequence[str]
) -> Request:
    told = {
        "request": request.id,
        "tenant": ctx.tenant.id,
        "customer": request.customer_id,
        "kind": request.kind,
        "asked_at": request.asked_at,
        "at": ctx.now,
        "by": ctx.actor,
        "failed": sorted(failed),
        **receipt,
    }
    row = await ctx.db.fetchrow(
        """UPDATE profiles_request SET receipt = $3, tried_at = $4::timestamptz,
             done_at = CASE WHEN $5 THEN $4::timestamptz END
           WHERE tenant_id = $1 AND id = $2
           RETURNING id, customer_id, kind, source, asked_at, due_at, actor, tried_at, done_at, receipt""",
        ctx.tenant.id,
        request.id,
        msgspec.json.encode(told).decode(),
        ctx.now,
        not failed,
    )
    return _request(row)


def _request(row: Any) -> Request:
    return Request(**{**row, "receipt": msgspec.json.decode(row["receipt"])})
