"""The hooks of the rules plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Candidate, DecideContext, Decision, Panel, hookimpl
from plugins.rules import panels
from plugins.rules.manifest import MANIFEST
from plugins.rules.routes import listing
from plugins.rules.rules import decide_batch

__all__ = ["MANIFEST", "admin_panels", "decide", "routes"]


@hookimpl
async def decide(ctx: DecideContext, candidates: Sequence[Candidate]) -> Sequence[Decision]:
    """One decision per candidate, from the tenant's table of rules."""
    return decide_batch(ctx, candidates)


@hookimpl
def routes() -> Sequence[Any]:
    """The table with the shop's thresholds, at `/app/x/rules/`."""
    return (listing,)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """The way there, on the first page."""
    return (panels.TABLE,)
