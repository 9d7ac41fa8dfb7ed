"""Events a second through the durable lane: one process, durable commits, one subscription.

Method: N events are emitted, 1,000 a transaction; then relayed; then delivered to a handler that
writes one row for each event by one INSERT … unnest a batch. The same once more with a worker and its
queue (Valkey) between them, timed from the start of the worker until nothing is due.
Baseline of the same run: the handler's rows alone, by a plain loop of one INSERT an event, 500 a
transaction: what one would write without events at all.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from bench.support import FOLDER, bench_core, run, table
from kernel.events.deliver import deliver
from kernel.events.relay import relay
from kernel.events.turn import Turn
from kernel.jobs.due import drain
from kernel.jobs.worker import work
from kernel.plugboard.board import build_plugboard
from kernel.runtime.embedded import embedded_servers
from kernel.sdk import Context, Event, Manifest, Subscription, emit, hookimpl, tenant_table
from kernel.tenancy.core import Core

MANIFEST = Manifest(
    name="counted", version="1", title="Counted", summary="For the benchmark.", kind="tool"
)
SIZE = 50_000
ONE = "INSERT INTO counted_row (tenant_id, what) VALUES ($1, $2)"


class Counted(Event):
    """Something to count."""

    type: ClassVar[str] = "counted.happened"
    customer_id: int
    what: str


async def count(ctx: Context, events: Sequence[Counted]) -> None:
    """One row an event."""
    await ctx.db.execute(
        "INSERT INTO counted_row (tenant_id, what) SELECT $1, unnest($2::text[])",
        ctx.tenant.id,
        [event.what for event in events],
    )


@hookimpl
def event_types() -> Sequence[type[Event]]:
    """The event of this benchmark."""
    return [Counted]


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    """Its handler."""
    return [Subscription(name="count", event=Counted, handle=count)]


async def main() -> None:
    """Print the table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else SIZE
    print(__doc__)
    async with bench_core() as other, embedded_servers(FOLDER) as urls:
        board = build_plugboard(mandatory=(), extra=[("counted", sys.modules[__name__])], only=())
        core = replace(other, board=board)
        async with core.pool.unit_of_work(role=None) as unit:
            columns = "n bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL"
            await unit.execute(tenant_table("counted_row", columns, "n"))
            await unit.execute("INSERT INTO tenancy_plugin VALUES ('bench', 'counted')")
        rows = [("baseline: a loop of INSERTs", size, await timed(plain(core, size)))]
        rows.append(("emit", size, await timed(emitted(core, size))))
        rows.append(("relay", size, await timed(turns(core, relay))))
        rows.append(("deliver", size, await timed(turns(core, deliver))))
        await emitted(core, size)
        through = timed(work(core, urls.redis_url, burst=True))
        rows.append(("relay + deliver, worker and queue", size, await through))
        await drain(core)
        done = await value(core, "SELECT count(*) FROM counted_row")
        if done != 3 * size:
            raise SystemExit(f"{done} rows, not {3 * size}")
    table(
        ("step", "events", "seconds", "a second"),
        [(name, f"{n:,}", f"{s:.2f}", f"{n / s:,.0f}") for name, n, s in rows],
    )


async def timed(work: object) -> float:
    """The seconds that awaiting `work` takes."""
    begun = time.perf_counter()
    await asyncio.ensure_future(work)  # type: ignore[call-overload]
    return time.perf_counter() - begun


async def plain(core: Core, size: int) -> None:
    """The baseline."""
    for start in range(0, size, 500):
        async with core.tenant_scope("bench") as ctx:
            for n in range(start, min(start + 500, size)):
                await ctx.db.execute(ONE, "bench", f"event {n}")


async def emitted(core: Core, size: int) -> None:
    """N events in the outbox."""
    for start in range(0, size, 1000):
        async with core.tenant_scope("bench") as ctx:
            await emit(
                ctx,
                *(
                    Counted(occurred_at=ctx.now, customer_id=n, what=f"event {n}")
                    for n in range(start, min(start + 1000, size))
                ),
            )


async def turns(core: Core, lane: object) -> None:
    """Turn after turn until there is no more to do."""
    while await lane(core, "bench", Turn()):  # type: ignore[operator]
        pass


async def value(core: Core, sql: str) -> int:
    """The first column of the first row."""
    async with core.system_scope("benchmark") as unit:
        found: int = await unit.fetchval(sql)
        return found


if __name__ == "__main__":
    run(main)
