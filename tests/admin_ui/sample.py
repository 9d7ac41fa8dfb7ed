"""A shop that has been at work for a week, to be looked at: campaigns in every state, people, trouble."""

from __future__ import annotations

import itertools
import random
from datetime import timedelta
from uuid import UUID

from kernel.contracts.context import Context
from kernel.contracts.delivery import Outcome
from kernel.contracts.profiles import Trait
from kernel.pipeline import approvals, campaigns, messages, outcomes, run
from kernel.profiles.traits import write_traits
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_customers, add_order

FIRST = [
    "Ada",
    "Bruno",
    "Clara",
    "Dmitri",
    "Emma",
    "Farid",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Kira",
    "Luca",
    "Mina",
    "Noah",
    "Olga",
    "Pavel",
    "Quinn",
    "Rosa",
    "Sami",
    "Thea",
    "Uwe",
    "Vera",
    "Wim",
    "Xenia",
    "Yara",
    "Zoe",
]
LAST = [
    "Adler",
    "Becker",
    "Castillo",
    "Dupont",
    "Eriksen",
    "Fischer",
    "García",
    "Hoffmann",
    "Ivanova",
    "Jansen",
    "Kowalski",
    "Laurent",
    "Müller",
    "Nguyen",
    "O’Brien",
    "Petrov",
    "Quist",
    "Rossi",
    "Schneider",
    "Tanaka",
    "Ueda",
    "Vogel",
    "Weber",
    "Xu",
    "Yilmaz",
    "Zimmermann",
]
COUNTRIES = ("DE", "FR", "NL", "AT", "US", "GB")


async def add_people(ctx: Context, count: int, rng: random.Random) -> list[int]:
    """Customers with names, a history of orders of their own rhythm, some without consent."""
    ids = await add_customers(ctx, count)
    names = list(itertools.product(FIRST, LAST))
    rng.shuffle(names)
    await ctx.db.execute(
        """UPDATE profiles_customer c SET first_name = n.first, last_name = n.last, country = n.country,
             email = lower(n.first) || n.id || '@example.com', email_consent = n.consent, created_at = n.at
           FROM unnest($2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
             n (id, first, last, country, consent, at) WHERE c.tenant_id = $1 AND c.id = n.id""",
        ctx.tenant.id,
        ids,
        [first for first, _ in names[:count]],
        [last for _, last in names[:count]],
        rng.choices(COUNTRIES, (8, 2, 2, 2, 1, 1), k=count),
        rng.choices(("subscribed", "unsubscribed", "unknown"), (8, 1, 1), k=count),
        [ctx.now - timedelta(days=rng.choice((3, 200, 400, 500))) for _ in ids],
    )
    for customer_id in ids:
        at, gap = ctx.now - timedelta(days=rng.randrange(20, 420)), rng.choice((25, 40, 60))
        for number in range(rng.choice((0, 1, 2, 3, 5))):
            when = at - timedelta(days=gap * number)
            await add_order(ctx, customer_id, when, round(rng.uniform(18, 140), 2))
    return ids


async def fill(core: Core, clock: TurnedClock, count: int = 120) -> UUID:
    """Fills alpha and returns the campaign that waits."""
    rng = random.Random(7)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute(
            """UPDATE tenancy_tenant SET name = 'Alder & Oak', holdout_percent = 8, brand = $2
               WHERE tenant_id = $1""",
            "alpha",
            '{"name": "Alder & Oak", "colour": "#1f4d3a", "accent": "#c8553d"}',
        )
        ids = await add_people(ctx, count, rng)
        await write_traits(
            ctx,
            "rfm",
            "2.1.0",
            [
                Trait(customer_id=one, name=f"rfm.{name}", value=value)
                for one in ids
                for name, value in (("segment", rng.choice(("loyal", "at_risk"))), ("score", 0.72))
            ],
        )
        await ctx.db.execute(
            "UPDATE profiles_customer SET last_name = '<script>alert(1)</script>'"
            " WHERE tenant_id = $1 AND id = $2",
            "alpha",
            ids[3],
        )
    for day in range(4):
        async with core.tenant_scope("alpha") as ctx:
            if day == 3:
                await add_people(ctx, count // 2, rng)
            await core.board.jobs["winback.rhythm"].value.run(ctx, {})
        await _work(core, propose=True)
        async with core.tenant_scope("alpha", "Mia") as ctx:
            waiting = await campaigns.page(ctx, "waiting")
            if day < 3:
                for one in waiting:
                    await approvals.approve(ctx, one.id)
        await _work(core)
        if day < 3:
            clock.turn(days=1)
    async with core.tenant_scope("alpha", "Mia") as ctx:
        await _later(ctx)
        return (await campaigns.page(ctx, "waiting"))[0].id


async def _work(core: Core, propose: bool = False) -> None:
    if propose:
        await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass


async def _later(ctx: Context) -> None:
    """What came of mails, work under way, a failure and a dead letter."""
    for campaign in await campaigns.page(ctx, "finished"):
        for mail in await messages.page(ctx, campaign.id, ["accepted"], limit=12):
            await outcomes.record(
                ctx,
                [
                    Outcome(
                        message_id=mail.id, kind="clicked", at=ctx.now, customer_id=mail.customer_id
                    )
                ],
            )
    await ctx.db.execute(
        """INSERT INTO jobs_progress (tenant_id, key, title, done, total, note)
           VALUES ($1, 'rfm', 'Computing segments', 3200, 5000, 'by recency and frequency')""",
        ctx.tenant.id,
    )
    await ctx.db.execute(
        """INSERT INTO tenancy_health (tenant_id, plugin, what, error, times)
           VALUES ($1, 'rules', 'decide', 'TimeoutError: did not answer within 30 seconds', 3)""",
        ctx.tenant.id,
    )
    event = await ctx.db.fetchval(
        "SELECT min(id) FROM events_event WHERE tenant_id = $1", ctx.tenant.id
    )
    await ctx.db.execute(
        """INSERT INTO events_delivery (tenant_id, event_id, subscription, state, attempts, error)
           VALUES ($1, $2, 'winback.orders', 'dead', 8, 'ValueError: no such customer')
           ON CONFLICT (tenant_id, event_id, subscription) DO UPDATE SET state = 'dead', attempts = 8,
             error = excluded.error""",
        ctx.tenant.id,
        event,
    )
    await ctx.db.execute(
        """INSERT INTO profiles_import (tenant_id, id, kind, file_name, file_sha256, actor, report)
           VALUES ($1, gen_random_uuid(), 'orders', 'orders-2026.csv', '', 'Mia',
             '{"read": 12840, "written": 12533, "merged": 251, "skipped": {"test": 40, "no_date": 16}}')""",
        ctx.tenant.id,
    )
