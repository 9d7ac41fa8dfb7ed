"""Messages a second through a channel that takes its time: one batch under way at once, or several.

Method: N planned messages of one campaign, claimed, checked and rendered as always; instead of a provider, a
pause of 250 ms a batch of 500 (what grouped requests over a network take) and an answer that accepts all.
Baseline of the same run: one batch at a time, as without overlap. The ceiling is claim and rendering
alone: the same with no pause.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Any

from bench.pipeline import PLUGINS, SEED, empty
from bench.support import bench_core, peak_mb, run, table
from kernel.contracts.delivery import Outgoing, Receipt
from kernel.pipeline import approvals, dispatch
from kernel.pipeline import run as pipeline
from kernel.tenancy.core import Core

PAUSE = 0.25


async def main() -> None:
    """Print the table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    print(__doc__)
    rows = []
    async with bench_core(PLUGINS) as core:
        for at_once, pause in ((1, 0.0), (1, PAUSE), (2, PAUSE), (3, PAUSE), (4, PAUSE)):
            rate = await measure(core, size, at_once, pause)
            what = "no pause (ceiling)" if not pause else f"{at_once} at once"
            rows.append((what, f"{rate:,.0f}", f"{peak_mb():.0f}"))
    table(("batches under way", "messages a second", "peak MB"), rows)


async def measure(core: Core, size: int, at_once: int, pause: float) -> float:
    """Messages a second from approval to the last record."""
    await empty(core)
    async with core.tenant_scope("bench") as ctx:
        await ctx.db.execute(SEED, size, ctx.now)
    [campaign_id] = await pipeline.propose_due(core, "bench")
    while await pipeline.advance(core, "bench"):
        pass

    async def slow(scope: Any, channel: Any, batch: Sequence[Outgoing]) -> list[Receipt]:
        await asyncio.sleep(pause)
        return [Receipt(message_id=one.id, state="accepted", provider_id="p") for one in batch]

    before = dispatch.hand_over, dispatch.AT_ONCE
    dispatch.hand_over, dispatch.AT_ONCE = slow, at_once
    try:
        async with core.tenant_scope("bench") as ctx:
            await approvals.approve(ctx, campaign_id)
        begun = time.perf_counter()
        while await pipeline.advance(core, "bench"):
            pass
        return size / (time.perf_counter() - begun)
    finally:
        dispatch.hand_over, dispatch.AT_ONCE = before


if __name__ == "__main__":
    run(main)
