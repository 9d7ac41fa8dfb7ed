"""The hooks of the cadence plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import Context, Outgoing, Verdict, hookimpl
from plugins.cadence.gate import judge
from plugins.cadence.manifest import MANIFEST

__all__ = ["MANIFEST", "compliance_rules"]


@hookimpl
async def compliance_rules(
    ctx: Context, stage: str, batch: Sequence[Outgoing]
) -> Sequence[Verdict]:
    """`capped` who heard from the shop too often, `deferred` where it is night."""
    return await judge(ctx, stage, batch)
