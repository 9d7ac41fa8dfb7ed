"""Training a model and going back to an earlier one, as jobs with progress, when a merchant asks for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

import structlog

from kernel.models import run
from kernel.sdk import Job, progress

if TYPE_CHECKING:
    from kernel.sdk import Context, Model
    from kernel.tenancy.scope import TenantScope

log = structlog.get_logger(__name__)

TRAIN, ROLL_BACK = "admin_ui.train_model", "admin_ui.roll_back_model"


def mark(model: str) -> str:
    """Under which key the work on a model waits and shows its progress."""
    return f"model {model}"


async def train(ctx: Context, payload: dict[str, Any]) -> None:
    """Train a model now, and score everyone by it if it was taken into use."""
    for model in _asked(ctx, payload):
        try:
            async with progress(ctx, mark(model.name), f"Training: {model.title}", 2) as bar:
                (version,) = await run.train(ctx, [model.name])
                await bar.add(note="Scoring everyone")
                if version.state == "in_use":
                    await run.score(ctx, [model.name])
                await bar.add(note=version.reason)
        # Its progress and the health board say it; whoever asked for it may ask again.
        except Exception as error:  # noqa: BLE001
            log.warning("no training", model=model.name, error=type(error).__name__)


async def roll_back(ctx: Context, payload: dict[str, Any]) -> None:
    """Put an earlier version into use and score everyone by it, in the name of who asked."""
    for model in _asked(ctx, payload):
        to = payload["to"]
        asked = await cast("TenantScope", ctx).core.detached(ctx.tenant.id, payload["actor"])
        title = f"Going back to version {to}: {model.title}"
        try:
            async with progress(ctx, mark(model.name), title, 1) as bar:
                await run.rollback(asked, model.name, to)
                await bar.add()
        except Exception as error:  # noqa: BLE001 - as in train
            log.warning("no going back", model=model.name, error=type(error).__name__)


def _asked(ctx: Context, payload: dict[str, Any]) -> list[Model]:
    """The model the task is about, unless its plugin was switched off since."""
    return [one.value for one in run.chosen(ctx) if one.value.name == payload.get("model")]


JOBS = (
    Job(name="train_model", run=train, long=True, transaction=False),
    Job(name="roll_back_model", run=roll_back, long=True, transaction=False),
)
