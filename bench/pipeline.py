"""Candidates a second, from audience to outbox, by rules: one process, durable commits.

Method: a tenant with N subscribed customers (each with order totals and one trait), a welcome campaign
proposed for all of them; timed from the proposal to the last message in the outbox: audience, features,
decisions with their records, compliance and cadence, rendering of html and text, ledger, channel.
Baseline of the same run: the same number of finished mails of the same size inserted into the same
outbox table by one INSERT … unnest a batch, and nothing else: what the database alone allows.
Memory is the peak of the process after each size: it must not follow N.
"""

from __future__ import annotations

import sys
import time

from bench.support import bench_core, peak_mb, run, table
from kernel.contracts.base import new_id
from kernel.pipeline import approvals, campaigns
from kernel.pipeline import run as pipeline
from kernel.tenancy.core import Core
from kernel.testing import database
from kernel.testing.seed import add_tenant

PLUGINS = ("rules", "welcome", "winback", "cadence", "outbox")
SIZES = (5_000, 50_000, 500_000)

SEED = """
INSERT INTO profiles_customer (tenant_id, external_id, email, first_name, last_name, country, timezone,
  email_consent, consent_at, consent_source, orders_count, total_spent, first_order_at, last_order_at,
  created_at)
SELECT 'bench', 'c' || n, 'customer' || n || '@example.com', 'Ada', 'Byron', 'DE', 'Europe/Berlin',
  'subscribed', $2::timestamptz - interval '3 days', 'checkout', 1 + n % 5, 20 + n % 300,
  $2::timestamptz - interval '2 days', $2::timestamptz - interval '1 day',
  $2::timestamptz - interval '2 days'
FROM generate_series(1, $1::int) n
"""
TRAITS = """
INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
SELECT 'bench', id, 'bench.score', to_jsonb(id % 100), 'bench', '1', $1::timestamptz
FROM profiles_customer
"""


async def main() -> None:
    """Print the table."""
    sizes = [int(arg) for arg in sys.argv[1:]] or SIZES
    print(__doc__)
    rows = []
    async with bench_core(PLUGINS) as core:
        for size in sizes:
            rows.append(await measure(core, size))
    table(
        (
            "candidates",
            "propose s",
            "decide s",
            "send s",
            "total s",
            "a second",
            "raw insert/s",
            "peak MB",
        ),
        rows,
    )


async def measure(core: Core, size: int) -> tuple[str, ...]:
    """One size, from an empty tenant."""
    await empty(core)
    async with core.tenant_scope("bench") as ctx:
        await ctx.db.execute(SEED, size, ctx.now)
        await ctx.db.execute(TRAITS, ctx.now)
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("ANALYZE")
    begun = time.perf_counter()
    [campaign_id] = await pipeline.propose_due(core, "bench")
    proposed = time.perf_counter()
    while await pipeline.advance(core, "bench"):
        pass
    decided = time.perf_counter()
    async with core.tenant_scope("bench") as ctx:
        await approvals.approve(ctx, campaign_id)
    while await pipeline.advance(core, "bench"):
        pass
    sent = time.perf_counter()
    async with core.tenant_scope("bench") as ctx:
        law = (await campaigns.get(ctx, campaign_id)).law
        if not law.holds or law.sent != size:
            raise SystemExit(f"not everyone was sent to: {law}")
        mail = await ctx.db.fetchrow("SELECT * FROM outbox_mail LIMIT 1")
    raw = await baseline(core, mail, min(size, 20_000))
    total = sent - begun
    return (
        f"{size:,}",
        f"{proposed - begun:.1f}",
        f"{decided - proposed:.1f}",
        f"{sent - decided:.1f}",
        f"{total:.1f}",
        f"{size / total:,.0f}",
        f"{raw:,.0f}",
        f"{peak_mb():.0f}",
    )


async def baseline(core: Core, mail: object, size: int) -> float:
    """Rows a second of bare inserts of the same mail, 500 a transaction."""
    row = dict(mail)  # type: ignore[call-overload]
    for name in ("tenant_id", "id", "message_id"):
        row.pop(name)
    columns = ", ".join(row)
    values = ", ".join(f"${i}" for i in range(2, 2 + len(row)))
    sql = (
        f"INSERT INTO outbox_mail (tenant_id, message_id, {columns}) "
        f"SELECT 'bench', m, {values} FROM unnest($1::uuid[]) m"
    )
    begun = time.perf_counter()
    for _ in range(size // 500):
        async with core.tenant_scope("bench") as ctx:
            await ctx.db.execute(sql, [new_id() for _ in range(500)], *row.values())
    return size / (time.perf_counter() - begun)


async def empty(core: Core) -> None:
    """Leave nothing but the tenant."""
    await database.empty(core.pool)
    await add_tenant(core, "bench", PLUGINS)
    async with core.system_scope("bench") as unit:
        await unit.execute("""UPDATE tenancy_tenant SET sending = '{"ramp_from": 0}'""")


if __name__ == "__main__":
    run(main)
