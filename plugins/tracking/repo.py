"""Queries: where a link leads, what hits there are, and a customer's rights over them."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from kernel.sdk import Erased, Export
from plugins.tracking.tokens import HONEYPOT

if TYPE_CHECKING:
    from kernel.sdk import Context

_URLS: OrderedDict[tuple[str, int], str] = OrderedDict()
_MOST = 20_000
_OF = (
    """message_id IN (SELECT id FROM pipeline_message WHERE tenant_id = $1 AND customer_id = $2)"""
)


def home(ctx: Context) -> str:
    """The shop's own address."""
    return ctx.tenant.brand.website or f"https://{ctx.tenant.sender.email.partition('@')[2]}"


async def url_of(ctx: Context, link_id: int) -> str | None:
    """Where a link leads; it never changes, so it is kept in memory. The invisible one: home."""
    if link_id == HONEYPOT:
        return home(ctx)
    key = (ctx.tenant.id, link_id)
    if (found := _URLS.get(key)) is not None:
        return found
    url: str | None = await ctx.db.fetchval(
        "SELECT url FROM tracking_link WHERE tenant_id = $1 AND id = $2", ctx.tenant.id, link_id
    )
    if url is not None:
        _URLS[key] = url
        if len(_URLS) > _MOST:
            _URLS.popitem(last=False)
    return url


def forget_urls() -> None:
    """Forget all: the database is another one."""
    _URLS.clear()


async def export(ctx: Context, customer_id: int) -> Export:
    """All hits on the mails of a customer, and the orders counted for them."""
    hits = await ctx.db.fetch(
        f"""SELECT h.kind, h.message_id, h.at, h.agent, h.verdict, h.reason, l.url
            FROM tracking_hit h
            LEFT JOIN tracking_link l ON l.tenant_id = h.tenant_id AND l.id = h.link_id
            WHERE h.tenant_id = $1 AND h.{_OF} ORDER BY h.at, h.id""",
        ctx.tenant.id,
        customer_id,
    )
    orders = await ctx.db.fetch(
        f"SELECT order_id, message_id, clicked_at FROM tracking_order "
        f"WHERE tenant_id = $1 AND {_OF} ORDER BY order_id",
        ctx.tenant.id,
        customer_id,
    )
    return Export(
        rows={
            "tracking_hit": [dict(row) for row in hits],
            "tracking_order": [dict(row) for row in orders],
        }
    )


async def erase(ctx: Context, customer_id: int) -> Erased:
    """What was not judged yet goes; the rest stays counted, and belongs to nobody."""
    rows = 0
    for sql in (
        f"DELETE FROM tracking_hit WHERE tenant_id = $1 AND verdict = '' AND {_OF}",
        f"UPDATE tracking_hit SET message_id = NULL, customer_id = NULL WHERE tenant_id = $1 AND {_OF}",
        """DELETE FROM tracking_order WHERE tenant_id = $1 AND NOT settled AND order_id IN
           (SELECT id FROM profiles_order WHERE tenant_id = $1 AND customer_id = $2)""",
        f"UPDATE tracking_order SET message_id = NULL WHERE tenant_id = $1 AND {_OF}",
    ):
        tag = await ctx.db.execute(sql, ctx.tenant.id, customer_id)
        rows += int(tag.rpartition(" ")[2])
    return Erased(rows=rows)


async def of_message(ctx: Context, message_id: Any) -> list[Any]:
    """The hits of a message, the newest first."""
    return await ctx.db.fetch(
        """SELECT h.kind, h.at, h.verdict, h.reason, l.url FROM tracking_hit h
           LEFT JOIN tracking_link l ON l.tenant_id = h.tenant_id AND l.id = h.link_id
           WHERE h.tenant_id = $1 AND h.message_id = $2 ORDER BY h.at DESC, h.id DESC LIMIT 50""",
        ctx.tenant.id,
        message_id,
    )
