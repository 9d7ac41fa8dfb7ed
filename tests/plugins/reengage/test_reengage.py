"""Who has long been silent is asked once a year; winback and reengage never claim the same people."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from kernel.contracts.delivery import Outcome
from kernel.contracts.events import ImportFinished, OrderPlaced
from kernel.pipeline.outcomes import record
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers, add_order
from plugins.reengage.campaign import REENGAGE
from plugins.reengage.silence import SINCE, changed, ordered, recompute
from plugins.winback import rhythm
from tests.plugins import whole, words

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope


async def traits(ctx: TenantScope, name: str = SINCE) -> dict[int, datetime]:
    rows = await ctx.db.fetch(
        "SELECT customer_id, value #>> '{}' AS value FROM profiles_trait WHERE name = $1", name
    )
    return {row["customer_id"]: datetime.fromisoformat(row["value"]) for row in rows}


async def known(ctx: TenantScope, days: float = 500, **fields: Any) -> int:
    since = ctx.now - timedelta(days=days)
    given = {"created_at": since, "consent_at": since, **fields}
    [customer] = await add_customers(ctx, **given)
    return customer


async def mailed(ctx: TenantScope, customer: int, kind: str, days: float) -> Any:
    [message] = await add_messages(
        ctx,
        await add_campaign(ctx, kind),
        [customer],
        state="accepted",
        attempted_at=ctx.now - timedelta(days=days),
    )
    return message


def test_all_tones_in_every_language() -> None:
    assert set(REENGAGE.copies) == words.expected(REENGAGE)


@pytest.mark.parametrize("variant", sorted(REENGAGE.copies))
def test_the_words_are_complete_and_make_no_claims(variant: str) -> None:
    assert words.faults(REENGAGE, variant) == []


async def test_silent_is_who_neither_ordered_nor_clicked_for_long(alpha: TenantScope) -> None:
    never = await known(alpha)
    await known(alpha, days=300)
    await known(alpha, email_consent="unsubscribed")
    await known(alpha, consent_at=alpha.now - timedelta(days=10))
    clicked, long_ago = await known(alpha), await known(alpha)
    for customer, days in ((clicked, 100), (long_ago, 400)):
        message = await mailed(alpha, customer, "welcome", days)
        at = alpha.now - timedelta(days=days)
        await record(
            alpha,
            [Outcome(message_id=message.id, customer_id=customer, kind="clicked", at=at)],
        )
    buyer = await known(alpha, days=900)
    await add_order(alpha, buyer, alpha.now - timedelta(days=800))
    await recompute(alpha)
    now = alpha.now
    assert await traits(alpha) == {
        never: now - timedelta(days=500),
        long_ago: now - timedelta(days=400),
        buyer: now - timedelta(days=800),
    }
    before = await alpha.db.fetch("SELECT customer_id, xmin::text FROM profiles_trait")
    await recompute(alpha)
    assert await alpha.db.fetch("SELECT customer_id, xmin::text FROM profiles_trait") == before


async def test_who_once_ordered_is_winbacks_until_its_mail_stays_unanswered(
    alpha: TenantScope,
) -> None:
    fresh, asked, lately = [await known(alpha, days=900) for _ in range(3)]
    for customer in (fresh, asked, lately):
        for days in (480, 450, 420):
            await add_order(alpha, customer, alpha.now - timedelta(days=days))
    await mailed(alpha, asked, "winback", 40)
    await mailed(alpha, lately, "winback", 10)
    for _ in range(2):  # whichever runs first, and again the next night
        await rhythm.recompute(alpha)
        await recompute(alpha)
    await rhythm.recompute(alpha)
    silent, overdue = await traits(alpha), await traits(alpha, rhythm.DUE)
    assert set(silent) == {asked}
    assert set(overdue) == {fresh, lately}
    assert not silent.keys() & overdue.keys()


async def test_where_winback_is_off_every_silent_buyer_is_asked(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        buyer = await known(ctx, days=900)
        await add_order(ctx, buyer, ctx.now - timedelta(days=420))
        await recompute(ctx)
        assert await traits(ctx) == {}
    async with core.system_scope("test") as unit:
        await unit.execute(
            "DELETE FROM tenancy_plugin WHERE tenant_id = 'alpha' AND plugin = 'winback'"
        )
    async with core.tenant_scope("alpha") as ctx:
        await recompute(ctx)
        assert set(await traits(ctx)) == {buyer}


async def test_who_orders_is_silent_no_more(alpha: TenantScope) -> None:
    buyer, other = await known(alpha), await known(alpha)
    await recompute(alpha)
    await add_messages(
        alpha,
        await add_campaign(alpha, "reengage"),
        [buyer, other],
        state="planned",
        attempted_at=None,
    )
    event = OrderPlaced(
        occurred_at=alpha.now, order_id=1, customer_id=buyer, amount=Decimal(5), currency="EUR"
    )
    await ordered(alpha, [event])
    await ordered(alpha, [event])
    assert set(await traits(alpha)) == {other}
    rows = await alpha.db.fetch("SELECT customer_id, state FROM pipeline_message")
    assert {row["customer_id"]: row["state"] for row in rows} == {
        buyer: "cancelled",
        other: "planned",
    }


async def test_from_the_trait_to_the_outbox(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        silent = [await known(ctx), await known(ctx)]
        await known(ctx, days=100)
        await recompute(ctx)
    campaign = await whole.propose(core, "reengage")
    decided = await whole.states(core, campaign)
    # Silence is the reason to ask, so the rules for the silent do not stand in the way.
    assert {one: state for one, (state, _) in decided.items()} == dict.fromkeys(silent, "planned")
    mails = await whole.send(core, campaign)
    assert [mail["customer"] for mail in mails] == silent
    await whole.silent_in_bravo(core)


@pytest.mark.parametrize("tone", words.CALM)
async def test_renders_with_any_name(alpha: TenantScope, tone: str) -> None:
    customer = await known(alpha, first_name="<b>{{ shop_name }}")
    batch = await add_messages(alpha, await add_campaign(alpha, "reengage"), [customer])
    [mail] = await rendered(alpha, batch, tone)
    assert mail.rendered is not None and "<b>{{" not in mail.rendered.html


async def test_an_import_has_it_computed_once(alpha: TenantScope) -> None:
    event = ImportFinished(occurred_at=alpha.now, kind="orders", written=3)
    await changed(alpha, [event, event])
    rows = await alpha.db.fetch("SELECT job FROM jobs_task WHERE state = 'due'")
    assert [row["job"] for row in rows] == ["reengage.silence"]
