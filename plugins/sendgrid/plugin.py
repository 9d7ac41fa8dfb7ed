"""The hooks of the sendgrid plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Context, Erased, Export, Job, Panel, hookimpl
from plugins.sendgrid import jobs as work
from plugins.sendgrid import panels, repo
from plugins.sendgrid.admin import events_page
from plugins.sendgrid.manifest import MANIFEST
from plugins.sendgrid.routes import take_events

__all__ = [
    "MANIFEST",
    "admin_panels",
    "erase_customer",
    "export_customer",
    "jobs",
    "public_routes",
    "routes",
]


@hookimpl
def jobs() -> Sequence[Job]:
    """Events are folded soon after they came, and removed when they are old."""
    return (
        Job(name="fold", run=work.fold_events, every=60.0, transaction=False),
        Job(name="tidy", run=work.tidy, daily_at="03:20", long=True, transaction=False),
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
    """What SendGrid told of the mails to this customer."""
    return await repo.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Empties what SendGrid wrote of this customer; what became of each mail stays counted."""
    return await repo.erase(ctx, customer_id)
