"""The kernel's own regular jobs, beside those that plugins declare."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from kernel.contracts.errors import Unavailable
from kernel.contracts.plugins import Job
from kernel.jobs.progress import progress
from kernel.models import run as models
from kernel.pipeline import demotion, digest, reconcile, undoing
from kernel.pipeline import run as pipeline
from kernel.plugboard.parts import Failure, Owned
from kernel.profiles import requests
from kernel.profiles.consent_anchor import anchor
from kernel.profiles.consent_ledger import open_ledger

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.plugboard.board import Plugboard
    from kernel.tenancy.scope import TenantScope

KERNEL = "kernel"
TASKS_KEPT_DAYS = 7
DELIVERIES_KEPT_DAYS = 30
_ALWAYS = ("consent", "rights", "tidy")
_CAMPAIGNS = ("propose", "reconcile")
_JUDGED = ("autonomy", "digest")
"""Only where a campaign type asks the merchant: transactional ones do not."""
_LEARNING = ("models", "models_fresh")


async def _propose(ctx: Context, payload: dict[str, Any]) -> None:
    """Propose the campaigns whose hour has come; asking more often than needed costs little."""
    await pipeline.propose_due(cast("TenantScope", ctx).core, ctx.tenant.id)


async def _tidy(ctx: Context, payload: dict[str, Any]) -> None:
    """Forget work that was done long ago. Events stay: they are the customer's history."""
    await ctx.db.execute(
        "DELETE FROM jobs_task WHERE tenant_id = $1 AND state IN ('done', 'skipped') "
        "AND updated_at < now() - make_interval(days => $2)",
        ctx.tenant.id,
        TASKS_KEPT_DAYS,
    )
    await ctx.db.execute(
        "DELETE FROM events_delivery WHERE tenant_id = $1 AND state IN ('done', 'skipped') "
        "AND updated_at < now() - make_interval(days => $2)",
        ctx.tenant.id,
        DELIVERIES_KEPT_DAYS,
    )


async def _models(ctx: Context, payload: dict[str, Any]) -> None:
    """Train the models that are due, then score everyone."""
    async with progress(ctx, "kernel.models", "Learning", len(models.chosen(ctx))) as bar:
        await models.nightly(ctx, lambda title: bar.add(note=title))


async def _models_fresh(ctx: Context, payload: dict[str, Any]) -> None:
    """Score who ordered since the last time."""
    await models.fresh(ctx)


async def _autonomy(ctx: Context, payload: dict[str, Any]) -> None:
    """Lower levels that are no longer deserved, and forget what can no longer be undone."""
    await demotion.check_all(ctx)
    await undoing.tidy(ctx)


async def _digest(ctx: Context, payload: dict[str, Any]) -> None:
    """Tell the merchant what waits and what went by itself."""
    await digest.make(ctx)


async def _consent(ctx: Context, payload: dict[str, Any]) -> None:
    """Open the ledger for consents that are older than it, and sign its head."""
    await open_ledger(ctx)
    async with ctx.transaction() as part:
        await anchor(part)


async def _rights(ctx: Context, payload: dict[str, Any]) -> None:
    """Try again what customers asked for and a plugin could not do; tell of deadlines that come near."""
    await requests.retry(ctx)
    near = [one for one in await requests.open_ones(ctx) if one.soon(ctx.now)]
    if near:
        late = sum(one.late(ctx.now) for one in near)
        text = f"Requests of customers due within a week: {len(near)}; late: {late}."
        failure = Failure(
            ctx.tenant.id, KERNEL, "rights of customers", Unavailable(text, "Open Data rights.")
        )
        cast("TenantScope", ctx).core.board.report(failure)


async def _reconcile(ctx: Context, payload: dict[str, Any]) -> None:
    """Hold yesterday's ledger against the providers' books."""
    scope = cast("TenantScope", ctx)
    await reconcile.reconcile(scope, reconcile.yesterday(scope))


KERNEL_JOBS: dict[str, Owned[Job]] = {
    f"{KERNEL}.{job.name}": Owned(KERNEL, job)
    for job in (
        # Time zones differ by quarters of an hour, and some campaign types come every few minutes.
        Job(name="propose", run=_propose, every=300.0, transaction=False),
        Job(name="autonomy", run=_autonomy, every=3600.0),
        Job(name="digest", run=_digest, daily_at="07:30"),
        Job(name="consent", run=_consent, daily_at="04:10", long=True, transaction=False),
        Job(name="rights", run=_rights, daily_at="05:00"),
        Job(name="reconcile", run=_reconcile, daily_at="05:10", long=True, transaction=False),
        Job(name="tidy", run=_tidy, daily_at="04:20"),
        Job(name="models", run=_models, daily_at="02:30", long=True, transaction=False),
        Job(name="models_fresh", run=_models_fresh, every=900.0, long=True, transaction=False),
    )
}


def find_job(board: Plugboard, name: str) -> Owned[Job] | None:
    """The job called `<plugin>.<job>`, or None where no installed plugin declares it."""
    return KERNEL_JOBS.get(name) or board.jobs.get(name)


def regular_jobs(board: Plugboard, enabled: frozenset[str]) -> dict[str, Owned[Job]]:
    """Every job with a schedule that a tenant with these plugins has, by name."""
    found = {
        name: owned
        for name, owned in board.jobs.items()
        if owned.plugin in enabled and (owned.value.every or owned.value.daily_at)
    }
    kinds = [owned.value for owned in board.campaign_types.values() if owned.plugin in enabled]
    if kinds:
        found |= {f"{KERNEL}.{name}": KERNEL_JOBS[f"{KERNEL}.{name}"] for name in _CAMPAIGNS}
    if not all(kind.transactional for kind in kinds):
        found |= {f"{KERNEL}.{name}": KERNEL_JOBS[f"{KERNEL}.{name}"] for name in _JUDGED}
    if any(owned.plugin in enabled for owned in board.models.values()):
        found |= {f"{KERNEL}.{name}": KERNEL_JOBS[f"{KERNEL}.{name}"] for name in _LEARNING}
    if found:
        found |= {f"{KERNEL}.{name}": KERNEL_JOBS[f"{KERNEL}.{name}"] for name in _ALWAYS}
    return found
