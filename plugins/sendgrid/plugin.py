"""The hooks of the sendgrid plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Channel, Context, Erased, Export, Job, Panel, hookimpl
from plugins.sendgrid import erasing, imports, panels, repo, whole
from plugins.sendgrid import jobs as work
from plugins.sendgrid.admin import events_page
from plugins.sendgrid.channel import SENDGRID
from plugins.sendgrid.manifest import MANIFEST
from plugins.sendgrid.routes import take_events

__all__ = [
    "MANIFEST",
    "admin_panels",
    "channels",
    "erase_customer",
    "export_customer",
    "jobs",
    "public_routes",
    "routes",
]


@hookimpl
def channels() -> Sequence[Channel]:
    """`sendgrid`."""
    return (SENDGRID,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Events are folded soon after they came, and removed when they are old. Who was erased here is
    erased there; who left there is let alone here.
    """
    long = {"long": True, "transaction": False}
    return (
        Job(name="fold", run=work.fold_events, every=60.0, transaction=False),
        Job(name="tidy", run=work.tidy, daily_at="03:20", **long),
        Job(name="erase", run=erasing.erase, every=600.0, transaction=False),
        Job(name="suppressions", run=imports.suppressions, daily_at="04:30", **long),
    )


@hookimpl
def public_routes() -> Sequence[Any]:
    """Where SendGrid posts its events."""
    return (take_events,)


@hookimpl
def routes() -> Sequence[Any]:
    """The page of the events."""
    return (events_page,)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """What was told of a message."""
    return (panels.EVENTS,)


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """What SendGrid told of the mails to this customer. An address that waits to be erased at SendGrid
    is encrypted, and stays out.
    """
    while await whole.take_apart(ctx):
        pass
    return await repo.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Has SendGrid erase the customer too, and empties what it wrote of them; what became of each mail
    stays counted.
    """
    while await whole.take_apart(ctx):
        pass
    queued = await erasing.queue(ctx, customer_id)
    emptied = await repo.erase(ctx, customer_id)
    return Erased(rows=queued + emptied.rows)
