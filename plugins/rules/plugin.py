"""The hooks of the rules plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import Candidate, DecideContext, Decision, hookimpl
from plugins.rules.manifest import MANIFEST
from plugins.rules.rules import decide_batch

__all__ = ["MANIFEST", "decide"]


@hookimpl
async def decide(ctx: DecideContext, candidates: Sequence[Candidate]) -> Sequence[Decision]:
    """One decision per candidate, from the tenant's table of rules."""
    return decide_batch(ctx, candidates)
