"""The hooks of the admin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from admin_ui.learning import JOBS
from admin_ui.manifest import MANIFEST
from admin_ui.pages import (
    acts,
    approvals,
    autonomy,
    campaigns,
    customers,
    decisions,
    home,
    messages,
    models,
    plugins,
    reconciliation,
    rights,
    upkeep,
)
from kernel.sdk import Job, hookimpl

__all__ = ["MANIFEST", "jobs", "routes"]


@hookimpl
def routes() -> Sequence[Any]:
    """All pages; the kernel mounts them at `/app/`."""
    return (
        home.home,
        home.brand_css,
        approvals.queue,
        approvals.one,
        approvals.mail,
        approvals.approve_confident,
        approvals.undo,
        approvals.approve,
        approvals.reject,
        autonomy.overview,
        autonomy.level,
        autonomy.threshold,
        autonomy.needed,
        campaigns.listing,
        campaigns.overview,
        campaigns.ledger,
        campaigns.words,
        campaigns.preview,
        acts.act,
        acts.exclude,
        acts.edit,
        acts.save,
        acts.restore,
        messages.message,
        messages.mail,
        decisions.listing,
        decisions.cost,
        decisions.one,
        customers.listing,
        customers.one,
        rights.listing,
        rights.trail,
        rights.ask,
        rights.copy,
        rights.erase,
        rights.receipt,
        models.listing,
        models.one,
        models.train,
        models.roll_back,
        plugins.listing,
        plugins.settings,
        plugins.switch,
        plugins.save,
        upkeep.dead_letters,
        upkeep.replay,
        upkeep.work,
        reconciliation.listing,
        upkeep.clear_health,
        upkeep.stop,
        upkeep.halt,
        upkeep.resume,
    )


@hookimpl
def jobs() -> Sequence[Job]:
    """What a merchant has done with a model."""
    return JOBS
