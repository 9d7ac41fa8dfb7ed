"""The page of the consent ledger: what was signed of it, whether it is as it was written, and the export."""

from __future__ import annotations

from typing import Any

from litestar import Response, get, post
from litestar.response import Template

from kernel.sdk import (
    Context,
    Formats,
    InvalidInput,
    consent_anchors,
    consent_export,
    consent_verify,
)

MOST = 100_000
"""Entries that a page goes through at once; longer ledgers are for the command line."""
SHOWN = 10


@get("/ledger")
async def ledger(ctx: Context) -> Template:
    """`GET /app/x/compliance/ledger`: how long it is, and what was signed last."""
    return await _page(ctx)


@post("/ledger/verify", status_code=200)
async def verify(ctx: Context) -> Template:
    """Walk it from the first entry to the last, and say what was found."""
    await _short(ctx)
    return await _page(ctx, await consent_verify(ctx))


@post("/ledger/export", status_code=200)
async def export(ctx: Context) -> Response[bytes]:
    """The signed export as a file: no personal data, no evidence. Signing is kept as an anchor."""
    await _short(ctx)
    body = b"".join([line async for line in consent_export(ctx)])
    if not body:
        raise InvalidInput("The ledger is empty.", "Come back when somebody has consented.")
    name = f"consent-{ctx.tenant.id}-{ctx.now:%Y-%m-%d}.jsonl"
    headers = {
        "Content-Disposition": f'attachment; filename="{name}"',
        "Cache-Control": "no-store",
    }
    return Response(body, media_type="application/x-ndjson", headers=headers)


async def _page(ctx: Context, report: Any = None) -> Template:
    anchors = (await consent_anchors(ctx))[::-1]
    entries = await _length(ctx)
    return Template(
        "compliance/ledger.html",
        context={
            "f": Formats(ctx),
            "entries": entries,
            "anchors": anchors[:SHOWN],
            "more": max(0, len(anchors) - SHOWN),
            "report": report,
            "long": entries > MOST,
            "tenant_id": ctx.tenant.id,
        },
    )


async def _length(ctx: Context) -> int:
    found = await ctx.db.fetchval(
        "SELECT seq FROM profiles_consent_head WHERE tenant_id = $1", ctx.tenant.id
    )
    return int(found or 0)


async def _short(ctx: Context) -> None:
    if await _length(ctx) > MOST:
        raise InvalidInput(
            "The ledger is too long for a page.",
            f"Ask whoever runs this installation for `mailwright consent export {ctx.tenant.id}`.",
        )
