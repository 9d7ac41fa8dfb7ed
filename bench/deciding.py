"""Decisions a second with their records written, `why` among a million, and what a decision weighs.

Method of the first table: a tenant with N subscribed customers and one campaign for all of them, decided
by rules, 1,000 a transaction, durable commits. "stages" is decide, guard, compose, records and the move in
the ledger for candidates whose features were read before the clock started; "campaign" is all of it, from
the proposal to the last record, features and compliance too. With two processes each has a tenant and a
campaign of its own, and both start at the same moment; two cores serve them and the database. `client us`
is the processes' own CPU time a decision. Baselines of the same run: the rules alone on the same
candidates, and the same rows by binary COPY into a table without indexes, 1,000 a transaction.

Method of the second: `why` of 200 customers drawn at random, warm, with N decisions in the table. Those
are real records with other ids, customers and occasions, put in by COPY, 20 a customer, in order of time.
Baseline: `SELECT 1` in the same kind of transaction.

Method of the third: what PostgreSQL says the table takes at both sizes, and the same records copied into a
table of nothing else that compresses from 128 bytes on. Baseline: the bytes of the records.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import random
import sys
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bench.support import bench_core, run, table
from kernel.contracts.base import new_id
from kernel.db.uow import Pool
from kernel.pipeline import campaigns, compose, decide, features, frames, guard, ledger, records
from kernel.pipeline import run as pipeline
from kernel.pipeline.batch import BATCH, Batch
from kernel.pipeline.comply import ALLOWED
from kernel.pipeline.features import Row
from kernel.pipeline.why import why
from kernel.plugboard.board import build_plugboard
from kernel.tenancy.core import Core, Links
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_tenant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PLUGINS = ("rules", "welcome", "winback", "cadence", "outbox")
SIZE = 20_000
STORED = (100_000, 1_000_000)
ASKED = 200
PER_CUSTOMER = 20
COLUMNS = (
    "tenant_id", "id", "customer_id", "occasion", "campaign_id", "decided_at", "send", "policy", "record",
    "campaign_type", "plugin", "fallback", "guardrails",
)  # fmt: skip

SEED = """
INSERT INTO profiles_customer (tenant_id, external_id, email, first_name, last_name, country, timezone,
  email_consent, consent_at, consent_source, orders_count, total_spent, first_order_at, last_order_at,
  created_at)
SELECT $3, 'c' || n, 'customer' || n || '@example.com', 'Ada', 'Byron', 'DE', 'Europe/Berlin',
  'subscribed', $2::timestamptz - interval '3 days', 'checkout', 1 + n % 5, 20 + n % 300,
  $2::timestamptz - interval '2 days', $2::timestamptz - interval '1 day',
  $2::timestamptz - interval '2 days'
FROM generate_series(1, $1::int) n
"""
TRAITS = """
INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
SELECT tenant_id, id, t.name, t.value, 'bench', '1', $1::timestamptz
FROM profiles_customer, LATERAL (VALUES
  ('rfm.segment', to_jsonb((ARRAY['Champions', 'Loyal', 'Promising', 'At Risk'])[1 + id % 4])),
  ('churn.probability', to_jsonb(id % 100 / 100.0)), ('affinity.top', '"mugs"'::jsonb)) t (name, value)
WHERE tenant_id = $2
"""
WEIGHED = """
SELECT count(*) AS n, sum(length(record)) AS bytes, sum(pg_column_size(record)) AS held
FROM pipeline_decision
"""
SIZES = """
SELECT pg_relation_size(oid) AS heap, coalesce(pg_total_relation_size(nullif(reltoastrelid, 0)), 0) AS toast,
  pg_indexes_size(oid) AS indexes FROM pg_class WHERE oid = $1::text::regclass
"""


async def main() -> None:
    """Print the tables."""
    sizes = [int(arg) for arg in sys.argv[1:]] or STORED
    print(__doc__)
    async with bench_core(PLUGINS) as core:
        url = core.pool.url
        rows = []
        for part in ("stages", "campaign"):
            for processes in (1, 2):
                names = [f"{part}{processes}{n}" for n in range(processes)]
                for name in names:
                    await add_tenant(core, name, PLUGINS)
                    await seed(core, name, SIZE)
                rows.append(together(part, url, names))
        rows += await baselines(core)
        table(("part", "processes", "decisions", "seconds", "a second", "client us"), rows)
        await weigh_and_ask(core, sizes)


async def seed(core: Core, tenant: str, size: int) -> None:
    """So many subscribed customers, each with three traits."""
    async with core.tenant_scope(tenant) as ctx:
        await ctx.db.execute(SEED, size, ctx.now, tenant)
        await ctx.db.execute(TRAITS, ctx.now, tenant)
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("ANALYZE")


# --- deciding -------------------------------------------------------------------------------------


def together(part: str, url: str, tenants: list[str]) -> tuple[str, ...]:
    """A process for each tenant, from the same moment on."""
    spawn = multiprocessing.get_context("spawn")
    start, answers = spawn.Barrier(len(tenants)), spawn.Queue()
    workers = [
        spawn.Process(target=worker, args=(part, url, name, start, answers)) for name in tenants
    ]
    for one in workers:
        one.start()
    told = [answers.get(timeout=60) for _ in workers]
    for one in workers:
        one.join()
    decided = sum(count for count, _, _, _ in told)
    seconds = max(end for _, _, end, _ in told) - min(begun for _, begun, _, _ in told)
    return line(part, len(tenants), decided, seconds, sum(cpu for _, _, _, cpu in told))


def line(part: str, processes: int, decided: int, seconds: float, cpu: float) -> tuple[str, ...]:
    """A row of the first table."""
    return (
        part,
        str(processes),
        f"{decided:,}",
        f"{seconds:.2f}",
        f"{decided / seconds:,.0f}",
        f"{cpu / decided * 1e6:.1f}",
    )


def worker(part: str, url: str, tenant: str, start: Any, answers: Any) -> None:
    """One process: answers with how many were decided, when, and for how much CPU."""
    asyncio.run(decide_all(part, url, tenant, start.wait, answers.put))


async def decide_all(
    part: str, url: str, tenant: str, ready: Callable[[], Any], answer: Callable[[Any], Any]
) -> None:
    """Decide a campaign for all of a tenant's customers."""
    pool = await Pool(url, size=2).open()
    links = Links(base_url="https://mail.example.com", secret="b" * 40)
    core = Core(pool=pool, board=build_plugboard(), links=links, clock=TurnedClock())
    if part == "stages":
        batches = await at_hand(core, tenant)
    ready()
    begun, cpu = time.time(), time.process_time()
    if part == "stages":
        await stages(core, tenant, batches)
    else:
        await pipeline.propose_due(core, tenant)
        while await pipeline.advance(core, tenant):
            pass
    ended, cpu = time.time(), time.process_time() - cpu
    async with core.tenant_scope(tenant) as ctx:
        count = await ctx.db.fetchval("SELECT count(*) FROM pipeline_decision")
        if count != SIZE:
            raise SystemExit(f"{count} of {SIZE} are decided")
    await pool.close()
    answer((count, begun, ended, cpu))


async def at_hand(core: Core, tenant: str) -> list[Batch]:
    """The candidates of a campaign with their features, 1,000 at a time; nothing is decided."""
    [campaign_id] = await pipeline.propose_due(core, tenant)
    batches: list[Batch] = []
    async with core.tenant_scope(tenant) as ctx:
        [campaign] = await campaigns.to_decide(ctx)
        name = await ctx.db.fetchval("SELECT context FROM pipeline_campaign")
        frame, after = await frames.load(ctx, name), (0, 0)
        while found := await ledger.undecided(ctx, campaign_id, BATCH, after):
            batch = Batch(
                campaign=campaign,
                frame=frames.context(core.board, frame, ctx.now),
                frame_digest=name,
                versions=frame.plugins,
                rows=[Row(**dict(row)) for row in found],
            )
            batch.people = await features.people(ctx, campaign, batch.rows)
            batches.append(batch)
            after = (batch.rows[-1].customer_id, batch.rows[-1].step)
    return batches


async def stages(core: Core, tenant: str, batches: list[Batch]) -> None:
    """What of the deciding is not reading: decisions, limits, records, the ledger's new states."""
    for batch in batches:
        async with core.tenant_scope(tenant) as ctx:
            batch = await guard.run(ctx, await decide.run(core.board, batch))
            batch.verdicts = {person.outgoing.id: ALLOWED for person in batch.people}
            await records.write(ctx, await compose.run(core.board, batch))


async def baselines(core: Core) -> list[tuple[str, ...]]:
    """The rules alone, and the same rows into a table without indexes."""
    batches = await at_hand(core, await another(core))
    begun, cpu = time.time(), time.process_time()
    for batch in batches:
        await decide.run(core.board, batch)
    alone = line("rules alone", 1, SIZE, time.time() - begun, time.process_time() - cpu)
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("CREATE TABLE bare AS SELECT * FROM pipeline_decision WITH NO DATA")
        rows = await unit.fetch(
            f"SELECT {', '.join(COLUMNS)} FROM pipeline_decision LIMIT $1", SIZE
        )
    tuples = [tuple(row) for row in rows]
    begun, cpu = time.time(), time.process_time()
    for at in range(0, len(tuples), BATCH):
        async with core.pool.unit_of_work(role=None) as unit:
            await unit.conn.copy_records_to_table(
                "bare", columns=COLUMNS, records=tuples[at : at + BATCH]
            )
    return [alone, line("bare COPY", 1, SIZE, time.time() - begun, time.process_time() - cpu)]


async def another(core: Core) -> str:
    """One more tenant with its customers."""
    name = f"tenant{random.getrandbits(32)}"
    await add_tenant(core, name, PLUGINS)
    await seed(core, name, SIZE)
    return name


# --- a million ------------------------------------------------------------------------------------


async def weigh_and_ask(core: Core, sizes: list[int] | tuple[int, ...]) -> None:
    """The second and the third table."""
    await seed(core, "bench", max(sizes) // PER_CUSTOMER)
    [campaign_id] = await pipeline.propose_due(core, "bench")
    async with core.tenant_scope("bench") as ctx:
        [campaign] = await campaigns.to_decide(ctx)
        await ctx.db.execute(
            """UPDATE pipeline_message SET state = 'cancelled' WHERE customer_id NOT IN
               (SELECT customer_id FROM pipeline_message ORDER BY customer_id LIMIT 5000)"""
        )
    while await pipeline.decide_batch(await core.detached("bench"), campaign):
        pass
    async with core.pool.unit_of_work(role=None) as unit:
        real = await unit.fetch(
            f"SELECT {', '.join(COLUMNS)}, (SELECT m.id FROM pipeline_message m WHERE m.decision_id = d.id) "
            "AS message_id FROM pipeline_decision d WHERE tenant_id = 'bench'"
        )
        people = await unit.fetch("SELECT id FROM profiles_customer WHERE tenant_id = 'bench'")
        await unit.execute("TRUNCATE pipeline_decision, pipeline_message")
    answers, weights = [], []
    made = clones(real, sorted(row["id"] for row in people), campaign_id)
    stored = 0
    for size in sizes:
        stored += await fill(core, made, size - stored)
        weights.append(await weigh(core, stored))
        answers.append(await ask(core, stored))
    print()
    table(("decisions", "p50 ms", "worst ms", "SELECT 1 ms", "told"), answers)
    print("\nbytes a decision")
    table(
        (
            "decisions", "record", "as held", "heap", "TOAST", "indexes", "all", "GB a million",
            "pglz", "lz4",
        ),
        weights,
    )  # fmt: skip


def clones(real: list[Any], people: list[int], campaign_id: UUID) -> Iterator[tuple[Any, ...]]:
    """Real records with other ids, in order of time: one a customer, then the next of each."""
    for turn in range(PER_CUSTOMER):
        for place, customer in enumerate(people):
            row = real[place % len(real)]
            at = row["decided_at"] + timedelta(days=turn - PER_CUSTOMER)
            key, message = new_id(at), new_id(at)
            occasion = f"welcome:{at:%Y-%m-%d}/1"
            record = row["record"]
            for old, new in (
                (str(row["id"]), str(key)),
                (str(row["message_id"]), str(message)),
                (f'"customer_id":{row["customer_id"]}', f'"customer_id":{customer}'),
                (row["occasion"], occasion),
            ):
                record = record.replace(old.encode(), new.encode(), 1)
            yield (
                message, "bench", key, customer, occasion, campaign_id, at, row["send"], row["policy"],
                record, row["campaign_type"], row["plugin"], row["fallback"], row["guardrails"],
            )  # fmt: skip


async def fill(core: Core, made: Iterator[tuple[Any, ...]], count: int) -> int:
    """Put so many more decisions, and their messages, into the tables."""
    done = 0
    while done < count:
        page = [row for _, row in zip(range(min(10_000, count - done)), made, strict=False)]
        steps = [(done + n) // 10_000 for n in range(len(page))]
        async with core.pool.unit_of_work(role=None) as unit:
            await unit.conn.copy_records_to_table(
                "pipeline_decision", columns=COLUMNS, records=[row[1:] for row in page]
            )
            await unit.conn.copy_records_to_table(
                "pipeline_message",
                columns=[
                    "tenant_id", "campaign_id", "customer_id", "step", "id", "state", "decision_id",
                    "created_at",
                ],
                records=[
                    ("bench", row[5], row[3], step, row[0], "skipped", row[2], row[6])
                    for row, step in zip(page, steps, strict=True)
                ],
            )  # fmt: skip
        done += len(page)
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("ANALYZE pipeline_decision, pipeline_message")
    return done


async def ask(core: Core, size: int) -> tuple[str, ...]:
    """`why`, for customers drawn at random."""
    drawn, times, bare, told = random.Random(42), [], [], 0
    async with core.tenant_scope("bench") as ctx:
        rows = await ctx.db.fetch("SELECT DISTINCT customer_id FROM pipeline_decision")
    people = drawn.sample([row["customer_id"] for row in rows], ASKED)
    for customer in people:
        async with core.tenant_scope("bench") as ctx:
            begun = time.perf_counter()
            told += len([story.sentences for story in await why(ctx, customer)])
            times.append(time.perf_counter() - begun)
            begun = time.perf_counter()
            await ctx.db.fetchval("SELECT 1")
            bare.append(time.perf_counter() - begun)
    return (
        f"{size:,}",
        f"{sorted(times)[ASKED // 2] * 1e3:.2f}",
        f"{max(times) * 1e3:.2f}",
        f"{sorted(bare)[ASKED // 2] * 1e3:.2f}",
        f"{told:,}",
    )


async def weigh(core: Core, size: int) -> tuple[str, ...]:
    """Bytes a decision, as they are and as they would be."""
    async with core.pool.unit_of_work(role=None) as unit:
        row = await unit.fetchrow(WEIGHED + " WHERE tenant_id = 'bench'")
        sizes = await unit.fetchrow(SIZES, "pipeline_decision")
        squeezed = []
        for method in ("pglz", "lz4"):
            await unit.execute(
                f"""CREATE TEMP TABLE {method} (record bytea COMPRESSION {method})
                    WITH (toast_tuple_target = 128) ON COMMIT DROP"""
            )
            # Another value than the stored one: a compressed value is copied as it is.
            await unit.execute(
                f"""INSERT INTO {method} SELECT record || ''::bytea FROM pipeline_decision
                    WHERE tenant_id = 'bench' LIMIT 50000"""
            )
            squeezed.append(
                await unit.fetchval(f"SELECT pg_total_relation_size('{method}') / 50000.0")
            )
    whole = sum(sizes.values())
    return (
        f"{size:,}",
        f"{row['bytes'] / size:,.0f}",
        f"{row['held'] / size:,.0f}",
        *(f"{sizes[name] / size:,.0f}" for name in ("heap", "toast", "indexes")),
        f"{whole / size:,.0f}",
        f"{whole / size / 1e3:.2f}",
        *(f"{one:,.0f}" for one in squeezed),
    )


if __name__ == "__main__":
    run(main)
