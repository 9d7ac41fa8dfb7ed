"""The hooks of the claude plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import (
    Advice,
    Brief,
    Candidate,
    Context,
    DecideContext,
    Decision,
    Erased,
    Export,
    Job,
    Panel,
    Pending,
    Written,
    enqueue,
    hookimpl,
)
from plugins.claude import batches, checking, consulting, panels, repo, writing
from plugins.claude import jobs as work
from plugins.claude.decide import decide_batch
from plugins.claude.manifest import MANIFEST

__all__ = [
    "MANIFEST",
    "admin_panels",
    "consult",
    "decide",
    "erase_customer",
    "export_customer",
    "jobs",
    "tenant_enabled",
    "write_copy",
]


@hookimpl
async def consult(
    ctx: Context, given: DecideContext, candidates: Sequence[Candidate]
) -> Sequence[Advice | Pending | None]:
    """Asks Claude about each customer, or about each kind of customer."""
    return await consulting.consult(ctx, given, candidates)


@hookimpl
async def decide(ctx: DecideContext, candidates: Sequence[Candidate]) -> Sequence[Decision | None]:
    """What Claude advised, where it did."""
    return decide_batch(ctx, candidates)


@hookimpl
async def write_copy(ctx: Context, briefs: Sequence[Brief]) -> Sequence[Written | Pending | None]:
    """The words of each variant."""
    return await writing.write(ctx, briefs)


@hookimpl
def jobs() -> Sequence[Job]:
    """Batches are sent and fetched; models are checked; old questions are forgotten."""
    return (
        Job(name="batches", run=batches.run, every=300.0, long=True, transaction=False),
        Job(name="models", run=checking.run, daily_at="05:10", transaction=False),
        Job(name="tidy", run=work.tidy, daily_at="03:50"),
    )


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """How Claude stands, and what it cost."""
    return (panels.STATE,)


@hookimpl
async def tenant_enabled(ctx: Context) -> None:
    """Has the models of the settings checked."""
    await enqueue(ctx, f"{MANIFEST.name}.models", key="models")


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """What Claude was asked about the customer, and what it said."""
    return await repo.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Empties the questions about the customer; what they cost stays counted."""
    return await repo.erase(ctx, customer_id)
