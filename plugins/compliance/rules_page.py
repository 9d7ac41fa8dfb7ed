"""`/app/x/compliance/rules`: what the law asks, what is checked, and what that stopped."""

from __future__ import annotations

from litestar import get
from litestar.response import Template

from kernel.sdk import Context, Formats
from plugins.compliance import watch


@get("/rules")
async def rules(ctx: Context) -> Template:
    """Every rule of the gate, with the count of the ledger."""
    return Template("compliance/rules.html", context={"f": Formats(ctx), **await watch.page(ctx)})
