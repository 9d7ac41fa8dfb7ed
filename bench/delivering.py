"""Messages a second from decided to accepted by SendGrid, with a fake one in a process of its own.

Method: a tenant with N subscribed customers and a welcome campaign, decided; timed from its approval to
the last receipt in the ledger: claim, gate, rendering, ledger, hand-over over HTTP, durable commits. Once
with a request per recipient, once grouped (100 recipients a request).
Baseline of the same run, right after each: a bare httpx loop that does nothing but post the very bytes of
single requests to the same fake. httpx slows down with the number of its connections: it is shown with
as many requests under way as we may have (64), and with the 8 at which it is fastest; the share is of
the better one. Memory is the peak of the process after each size: it must not follow N. The fake's book
must hold everybody, once.
Arguments: sizes (default 10,000 and 100,000; 1,000,000 takes an hour by single requests, so above
100,000 only grouped is measured).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import msgspec

from bench.pipeline import SEED
from bench.support import bench_core, peak_mb, run, table
from kernel.contracts.tenancy import Sending
from kernel.pipeline import approvals, dispatch
from kernel.pipeline import run as pipeline
from kernel.testing import database
from kernel.testing.seed import add_tenant
from plugins.sendgrid import payload
from plugins.sendgrid.client import TIMEOUT, account
from plugins.sendgrid.limiter import WIDTH

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core

PLUGINS = ("rules", "welcome", "cadence", "sendgrid")
SIZES = (10_000, 100_000)
SINGLE_UP_TO = 100_000
BARE = 2_000
"""Posts of the bare loop, each time."""


async def main() -> None:
    """Print the table."""
    if sys.argv[1:] == ["fake"]:
        await serve()
        return
    sizes = [int(arg) for arg in sys.argv[1:]] or SIZES
    print(__doc__)
    rows = []
    with fake_process() as url:
        os.environ |= {"SENDGRID_BASE_URL": url, "SENDGRID_API_KEY": "SG.fake.0000"}
        async with bench_core(PLUGINS) as core:
            for size in sizes:
                for group in (1, 100) if size <= SINGLE_UP_TO else (100,):
                    rows.append(await measure(core, url, size, group))
    head = (
        "messages",
        "a request",
        "send s",
        "a second",
        "bare 64/s",
        "bare 8/s",
        "of bare",
        "requests",
    )
    table((*head, "mail KB", "peak MB"), rows)


async def measure(core: Core, url: str, size: int, group: int) -> tuple[str, ...]:
    """One size and way, from an empty tenant."""
    async with httpx.AsyncClient(base_url=url) as control:
        await control.post("/_fake/reset")
    await empty(core, group)
    async with core.tenant_scope("bench") as ctx:
        await ctx.db.execute(SEED, size, ctx.now)
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("ANALYZE")
    [campaign_id] = await pipeline.propose_due(core, "bench")
    while await pipeline.advance(core, "bench"):
        pass
    scope = await core.detached("bench")
    seen: list[Outgoing] = []
    keep = dispatch.prepare

    async def prepare(*args: object) -> list[Outgoing]:
        made = await keep(*args)  # type: ignore[arg-type]
        if not seen:
            seen.extend(made)
        return made

    dispatch.prepare = prepare  # type: ignore[assignment]
    async with core.tenant_scope("bench") as ctx:
        await approvals.approve(ctx, campaign_id)
    begun = time.perf_counter()
    while await pipeline.advance(core, "bench"):
        pass
    took = time.perf_counter() - begun
    dispatch.prepare = keep
    async with httpx.AsyncClient(base_url=url, timeout=600) as control:
        totals = (await control.get("/_fake/totals")).json()
    if (totals["messages"], totals["twice"]) != (size, 0):
        raise SystemExit(f"not everybody once: {totals}")
    bodies = [payload.body(scope.tenant, [message]) for message in seen]
    headers = account(scope).headers
    wide, bare = [await baseline(url, bodies, headers, width) for width in (WIDTH, 8)]
    return (
        f"{size:,}",
        str(group),
        f"{took:.1f}",
        f"{size / took:,.0f}",
        f"{wide:,.0f}",
        f"{bare:,.0f}",
        f"{size / took / max(wide, bare):.0%}",
        f"{totals['requests']:,}",
        f"{sum(map(len, bodies)) / len(bodies) / 1000:.1f}",
        f"{peak_mb():.0f}",
    )


async def baseline(url: str, bodies: Sequence[bytes], headers: dict[str, str], width: int) -> float:
    """Posts a second of the bare loop."""
    left = iter(range(BARE))
    limits = httpx.Limits(max_connections=width, max_keepalive_connections=width)
    async with httpx.AsyncClient(timeout=TIMEOUT, limits=limits) as client:

        async def post() -> None:
            for number in left:
                answer = await client.post(
                    f"{url}/v3/mail/send", content=bodies[number % len(bodies)], headers=headers
                )
                assert answer.status_code == 202, answer.text

        begun = time.perf_counter()
        await asyncio.gather(*(post() for _ in range(width)))
        return BARE / (time.perf_counter() - begun)


async def empty(core: Core, group: int) -> None:
    """Leave nothing but the tenant, without waves."""
    await database.empty(core.pool)
    await add_tenant(core, "bench", PLUGINS)
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute(
            "UPDATE tenancy_tenant SET sending = $1",
            msgspec.json.encode(Sending(ramp_from=0)).decode(),
        )
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $1 WHERE plugin = 'sendgrid'",
            msgspec.json.encode({"group_size": group}).decode(),
        )


@contextmanager
def fake_process() -> Iterator[str]:
    """The address of a fake SendGrid in a process of its own."""
    command = [sys.executable, "-m", "bench.delivering", "fake"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin and process.stdout
        try:
            yield process.stdout.readline().decode().strip()
        finally:
            process.stdin.close()


async def serve() -> None:
    """The fake, until standard input ends."""
    from kernel.testing.sendgrid import FakeSendGrid

    async with FakeSendGrid(keep=0) as fake:
        fake.limit(None, other=None)
        print(fake.url, flush=True)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    run(main)
