"""Where the ledger and the provider do not say the same."""

from __future__ import annotations

from litestar import get
from litestar.response import Template

from admin_ui.view import Req, page, query
from kernel.pipeline import reconcile
from kernel.sdk import Context

PAGE = 50
KINDS = {
    "missing": "the provider has nothing of it",
    "stranger": "not in the ledger",
    "twice": "more than once at the provider",
    "state": "fared differently",
    "law": "does not add up",
    "unanswered": "no answer yet",
}


@get("/reconciliation")
async def listing(ctx: Context, request: Req, before: int = 0) -> Template:
    """Differences, newest first."""
    found = await reconcile.differences(ctx, before=before or None, limit=PAGE + 1)
    shown = found[:PAGE]
    return await page(
        request,
        "reconciliation.html",
        differences=shown,
        kinds=KINDS,
        first="/app/reconciliation" if before else "",
        next=query("/app/reconciliation", before=shown[-1].id) if len(found) > PAGE else "",
    )
