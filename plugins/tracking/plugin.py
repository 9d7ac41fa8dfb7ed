"""The hooks of the tracking plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import (
    Context,
    Erased,
    Export,
    Job,
    LinkFollowed,
    MailLinks,
    OrderPlaced,
    Outgoing,
    Panel,
    Subscription,
    hookimpl,
)
from plugins.tracking import jobs as work
from plugins.tracking import links as rewriting
from plugins.tracking import orders, pages, repo, told
from plugins.tracking import routes as web
from plugins.tracking.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "admin_panels",
    "erase_customer",
    "export_customer",
    "jobs",
    "mail_links",
    "public_routes",
    "routes",
    "subscriptions",
]


@hookimpl
async def mail_links(
    ctx: Context, batch: Sequence[Outgoing], links: Sequence[MailLinks]
) -> Sequence[MailLinks]:
    """Links that are counted, the invisible link, and the image for those who agreed."""
    return await rewriting.rewrite(ctx, batch, links)


@hookimpl
def public_routes() -> Sequence[Any]:
    """Links and images."""
    return (web.follow, web.image)


@hookimpl
def routes() -> Sequence[Any]:
    """What is counted, and why."""
    return (web.overview,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Every minute hits are judged and orders attributed; every night what is old is untied."""
    return (
        Job(name="fold", run=work.judge, every=60.0, transaction=False),
        Job(name="nightly", run=work.nightly, daily_at="03:10", long=True, transaction=False),
    )


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """Orders wait for the clicks before them; clicks that others tell of are kept."""
    return (
        Subscription(name="orders", event=OrderPlaced, handle=orders.placed),
        Subscription(name="clicks", event=LinkFollowed, handle=told.followed),
    )


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """Clicks and orders of a campaign; the hits of a message."""
    return (pages.CAMPAIGN, pages.MESSAGE)


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """The hits on this customer's mails."""
    return await repo.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Hits stay counted, and belong to nobody."""
    return await repo.erase(ctx, customer_id)
