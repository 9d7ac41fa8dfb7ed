"""Deciding in each of the three ways: calls, time, and what 1,000 decisions cost at list prices.

Method: a tenant with N customers (orders, segments and risks drawn at random, the same at each run) and one
campaign for all of them, decided from the proposal to the last record, with the real client against the fake
Claude in this process: its time is part of ours. `per_customer` goes as a Message Batch; nobody waits
between two looks at it, since how long a batch takes is up to the API. Costs are those of the settings'
list prices for the tokens that the fake counts, with its prompt cache. Durable commits.
Checked: everybody is decided, nobody is asked about twice, the costs of all records add up to what was
spent, a bucketed campaign takes at most 500 calls.
"""

from __future__ import annotations

import os
import sys
import time
from uuid import UUID

import msgspec

from bench.support import bench_core, peak_mb, run, table
from kernel.pipeline import run as pipeline
from kernel.tenancy.core import Core
from kernel.testing import database
from kernel.testing.claude import FakeClaude
from kernel.testing.seed import add_tenant
from plugins.claude import batches

PLUGINS = ("rules", "claude", "welcome", "outbox")
RUNS = (("rules", 10_000), ("bucketed", 10_000), ("per_customer", 10_000), ("bucketed", 50_000))
MOST_CALLS = 500

SEED = """
SELECT setseed(0.42);
CREATE TEMP TABLE drawn ON COMMIT DROP AS
SELECT n, floor(random() * random() * 9)::int AS orders, random() AS churn, 3 + random() * 90 AS pause,
  1 + random() * random() * 300 AS since, random() AS subscribes
FROM generate_series(1, {size}) n;
INSERT INTO profiles_customer (tenant_id, external_id, email, first_name, country, timezone,
  email_consent, consent_at, consent_source, created_at)
SELECT 'bench', 'c' || n, 'customer' || n || '@example.com', 'Ada', 'DE', 'Europe/Berlin',
  CASE WHEN subscribes < 0.9 THEN 'subscribed' ELSE 'never' END, '{now}'::timestamptz - interval '2 days',
  'checkout', '{now}'::timestamptz - interval '2 days' FROM drawn ORDER BY n;
INSERT INTO profiles_order (tenant_id, external_id, customer_id, ordered_at, amount, currency)
SELECT 'bench', 'o' || d.n || '-' || o, c.id,
  '{now}'::timestamptz - (d.since + (o - 1) * d.pause) * interval '1 day', 20 + d.n % 90, 'EUR'
FROM drawn d JOIN profiles_customer c ON c.tenant_id = 'bench' AND c.external_id = 'c' || d.n,
  generate_series(1, d.orders) o;
INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
SELECT 'bench', c.id, 'churn.probability', to_jsonb(round(d.churn::numeric, 2)), 'churn', '1', '{now}'::timestamptz
FROM drawn d JOIN profiles_customer c ON c.tenant_id = 'bench' AND c.external_id = 'c' || d.n
UNION ALL
SELECT 'bench', c.id, 'rfm.segment', to_jsonb((ARRAY['Champions', 'Loyal', 'Promising', 'At Risk', 'Lost'])
  [1 + floor(d.churn * 4.99)::int]), 'rfm', '1', '{now}'::timestamptz
FROM drawn d JOIN profiles_customer c ON c.tenant_id = 'bench' AND c.external_id = 'c' || d.n;
"""
TOLD = """
SELECT count(*) AS decided, count(*) FILTER (WHERE d.plugin = 'claude') AS claude,
  count(*) FILTER (WHERE d.fallback <> '') AS fallen,
  coalesce(sum((convert_from(d.record, 'UTF8')::jsonb #>> '{decision,cost_micros}')::float8), 0) AS micros
FROM pipeline_decision d
"""


async def main() -> None:
    """Print the table."""
    sizes = [int(arg) for arg in sys.argv[1:]]
    print(__doc__)
    rows = []
    async with FakeClaude() as fake, bench_core(PLUGINS) as core:
        os.environ |= {"ANTHROPIC_API_KEY": fake.api_key, "ANTHROPIC_BASE_URL": fake.base_url}
        fake.batches.polls = 0
        for mode, usual in RUNS:
            for size in sizes or (usual,):
                rows.append(await measure(core, fake, mode, size))
    table(
        (
            "way",
            "customers",
            "by claude",
            "fallen back",
            "calls",
            "in batches",
            "seconds",
            "a second",
            "$ spent",
            "$ per 1,000",
            "peak MB",
        ),
        rows,
    )


async def measure(core: Core, fake: FakeClaude, mode: str, size: int) -> tuple[str, ...]:
    """One campaign, from an empty tenant."""
    await seed(core, mode, size)
    fake.record.clear()
    begun = time.perf_counter()
    [campaign] = await pipeline.propose_due(core, "bench")
    while await deciding(core, campaign):
        await pipeline.advance(core, "bench")
        if mode == "per_customer":
            await look(core)
    seconds = time.perf_counter() - begun
    async with core.tenant_scope("bench") as ctx:
        told = await ctx.db.fetchrow(TOLD)
        spent = await ctx.db.fetchval("SELECT spent_micros FROM claude_spend") or 0
    direct, rows = fake.record.count(), sum(one.custom_id is not None for one in fake.asked)
    twice = len(fake.asked) - len({(one.custom_id, one.key) for one in fake.asked})
    wrong = {
        "decided": told["decided"] != size,
        "asked twice": mode == "per_customer" and twice,
        "calls": mode == "bucketed" and direct > MOST_CALLS,
        "costs": abs(told["micros"] - spent) > 1,
    }
    if any(wrong.values()):
        raise SystemExit(f"{mode}: {[name for name, bad in wrong.items() if bad]} {dict(told)}")
    return (
        mode,
        f"{size:,}",
        f"{told['claude']:,}",
        f"{told['fallen']:,}",
        f"{direct:,}",
        f"{rows:,}",
        f"{seconds:.1f}",
        f"{size / seconds:,.0f}",
        f"{spent / 1e6:.4f}",
        f"{spent / 1e6 / size * 1000:.5f}",
        f"{peak_mb():.0f}",
    )


async def deciding(core: Core, campaign: UUID) -> bool:
    """Whether some are still undecided; nobody waits to ask again."""
    async with core.tenant_scope("bench") as ctx:
        await ctx.db.execute("UPDATE pipeline_campaign SET consult_at = NULL")
        status = await ctx.db.fetchval(
            "SELECT status FROM pipeline_campaign WHERE id = $1", campaign
        )
    return bool(status == "deciding")


async def look(core: Core) -> None:
    """The job of the batches, which finds the questions put long ago enough to be sent."""
    async with core.tenant_scope("bench") as ctx:
        await ctx.db.execute(
            """UPDATE claude_question SET created_at = created_at - interval '1 minute'
               WHERE state = 'waiting'"""
        )
    await batches.run(await core.detached("bench"), {})


async def seed(core: Core, mode: str, size: int) -> None:
    """An empty tenant with so many customers, who decides in this way."""
    await database.empty(core.pool)
    await add_tenant(core, "bench", PLUGINS)
    async with core.pool.unit_of_work(role=None) as unit:
        settings = msgspec.json.encode({"mode": mode, "daily_budget": 1000.0}).decode()
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $1::jsonb WHERE plugin = 'claude'", settings
        )
        await unit.execute(SEED.format(size=size, now=core.clock.now().isoformat()))
        await unit.execute("ANALYZE")


if __name__ == "__main__":
    run(main)
