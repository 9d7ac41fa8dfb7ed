"""The hooks of the affinity plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Context, Erased, Export, Job, Model, Panel, hookimpl
from plugins.affinity import offers, panels
from plugins.affinity import routes as pages
from plugins.affinity.manifest import MANIFEST
from plugins.affinity.model import MODEL

__all__ = [
    "MANIFEST",
    "admin_panels",
    "erase_customer",
    "export_customer",
    "jobs",
    "models",
    "routes",
]


@hookimpl
def models() -> Sequence[Model]:
    """`affinity`, which also answers `kernel.sdk.recommend`."""
    return (MODEL,)


@hookimpl
def jobs() -> Sequence[Job]:
    """Once a day: offers of more than a year ago are forgotten."""
    return (Job(name="forget", run=_forget, daily_at="03:50"),)


@hookimpl
def routes() -> Sequence[Any]:
    """Pairs of products, and the page of one product."""
    return (pages.pairs, pages.product)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """Both slots of a customer, with their reasons."""
    return (panels.NEXT_ORDER,)


@hookimpl
async def export_customer(ctx: Context, customer_id: int) -> Export:
    """What was offered to this customer."""
    return await offers.export(ctx, customer_id)


@hookimpl
async def erase_customer(ctx: Context, customer_id: int) -> Erased:
    """Removes what was offered to this customer."""
    return await offers.erase(ctx, customer_id)


async def _forget(ctx: Context, payload: dict[str, Any]) -> None:
    await offers.forget(ctx)
