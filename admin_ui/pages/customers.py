"""Customers: the list with its search, and everything about one of them."""

from __future__ import annotations

from typing import get_args

from litestar import get
from litestar.response import Template

from admin_ui.panels import draw
from admin_ui.view import Req, page, query
from kernel.contracts.profiles import ConsentState
from kernel.pipeline import why
from kernel.profiles import repo
from kernel.sdk import Context, InvalidInput

PAGE = 50
CONSENTS = get_args(ConsentState)


@get("/customers")
async def listing(
    ctx: Context, request: Req, q: str = "", consent: str = "", after: int | None = None
) -> Template:
    """Newest first; `q` is the beginning of a name or address, or the shop's own id."""
    if consent and consent not in CONSENTS:
        raise InvalidInput(f"There is no consent “{consent}”.", "Choose one above the list.")
    q = q.strip()[:200]
    found = await repo.customers_page(ctx, q, after, PAGE, consent or None)  # type: ignore[arg-type]
    path = "/app/customers"
    return await page(
        request,
        "customers.html",
        customers=found.customers,
        q=q,
        consent=consent,
        consents=CONSENTS,
        first=query(path, q=q, consent=consent) if after is not None else "",
        next=query(path, q=q, consent=consent, after=found.next) if found.next is not None else "",
    )


@get("/customers/{customer_id:int}")
async def one(ctx: Context, request: Req, customer_id: int, before: str = "") -> Template:
    """Identity, consent, totals, traits, decisions with their why, and what happened."""
    customer = await repo.customer(ctx, customer_id)
    timeline = await repo.timeline(ctx, customer_id, before, limit=25)
    path = f"/app/customers/{customer_id}"
    return await page(
        request,
        "customer.html",
        customer=customer,
        traits=await repo.traits(ctx, customer_id),
        decisions=await why.why(ctx, customer_id, limit=8),
        timeline=timeline.items,
        first=path if before else "",
        next=query(path, before=timeline.next) if timeline.next else "",
        panels=await draw(request, "customer", customer),
    )
