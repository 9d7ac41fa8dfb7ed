"""The page of the plugin: the book of codes, under the budgets."""

from __future__ import annotations

from urllib.parse import urlencode

from litestar import get
from litestar.response import Template

from kernel.sdk import Context, Formats
from plugins.discounts import budget, pages
from plugins.discounts.manifest import DiscountsSettings
from plugins.discounts.panels import PATH

PAGE = 25


@get("/")
async def book(ctx: Context, q: str = "", only: str = "", after: str = "") -> Template:
    """`GET /app/x/discounts/`: codes, the newest first; `q` is the beginning of a code or of an
    address; `only`: codes in that state.
    """
    q = q.strip()[:100]
    found, following = await pages.codes(ctx, q, only, after, PAGE)
    return Template(
        "discounts/book.html",
        context={
            "f": Formats(ctx),
            "currency": ctx.tenant.currency,
            "lines": await budget.lines(ctx, ctx.settings(DiscountsSettings)),
            "counts": await pages.counts(ctx),
            "codes": found,
            "q": q,
            "only": only,
            "link": link,
            "first": link(q, only) if after else "",
            "next": link(q, only, following) if following else "",
        },
    )


def link(q: str = "", only: str = "", after: str = "") -> str:
    """The address of a page of the book."""
    given = {"q": q, "only": only, "after": after}
    query = urlencode({key: value for key, value in given.items() if value})
    return f"{PATH}/?{query}" if query else f"{PATH}/"
