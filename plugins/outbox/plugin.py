"""The hooks of the outbox plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Channel, Context, Erased, Export, Job, Panel, hookimpl
from plugins.outbox import panels, repo
from plugins.outbox.channel import OUTBOX
from plugins.outbox.jobs import purge
from plugins.outbox.manifest import MANIFEST
from plugins.outbox.routes import download

__all__ = [
    "MANIFEST",
    "admin_panels",
    "channels",
    "erase_customer",
    "export_customer",
    "jobs",
    "routes",
]


@hookimpl
def channels() -> Sequence[Channel]:
    """`outbox`."""
    return (OUTBOX,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Once a day: the content of old mails is removed."""
    return (Job(name="purge", run=purge, daily_at="03:40", long=True, transaction=False),)


@hookimpl
def routes() -> Sequence[Any]:
    """A mail as a file."""
    return (download,)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """What the outbox holds of a message."""
    return (panels.STORED,)


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """The mails to this customer."""
    return await repo.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Empties the mails to this customer; that they went out stays counted."""
    return await repo.erase(ctx, customer_id)
