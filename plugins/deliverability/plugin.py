"""The hooks of the deliverability plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Context, Job, Outgoing, Panel, Verdict, enqueue, hookimpl
from plugins.deliverability import gate, pages
from plugins.deliverability import jobs as work
from plugins.deliverability import routes as web
from plugins.deliverability.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "admin_panels",
    "compliance_rules",
    "jobs",
    "routes",
    "tenant_enabled",
]


@hookimpl
async def compliance_rules(
    ctx: Context, stage: str, batch: Sequence[Outgoing]
) -> Sequence[Verdict]:
    """`deferred` while nothing proves who the sender is, or while the mailbox provider objects."""
    return await gate.judge(ctx, stage, batch)


@hookimpl
def jobs() -> Sequence[Job]:
    """Records are checked once a day, and every hour while something is wrong; figures every hour."""
    return (
        Job(name="check", run=work.check, every=900.0, transaction=False),
        Job(name="watch", run=work.watch, every=3600.0),
    )


@hookimpl
def routes() -> Sequence[Any]:
    """The sender's page."""
    return (web.overview, web.check, web.lift)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """What is wrong, on the home page."""
    return (pages.HOME,)


@hookimpl
async def tenant_enabled(ctx: Context) -> None:
    """Check at once, so that the first mail need not wait."""
    await enqueue(ctx, work.CHECK, key="check")
