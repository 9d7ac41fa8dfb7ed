"""Sign-ups reach the double opt-in by the outbox of events and a real worker, and so does every answer."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest_asyncio

from kernel.jobs.due import drain
from kernel.profiles.consent import set_consent, set_consents
from kernel.profiles.consent_history import consent_history
from kernel.tenancy.switches import set_plugin
from kernel.testing.seed import add_customers, add_tenant
from plugins.compliance import confirm
from tests.kernel.jobs.fixtures import change, queue, rows, worker
from tests.plugins.compliance.test_confirm import mails, sign_up, state

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

    from kernel.jobs.arq_queue import ArqQueue
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

__all__ = ["queue"]

FROM = "2026-06-01"
DELIVERIES = """
SELECT e.payload ->> 'state' AS said, d.state, d.attempts, d.error FROM events_delivery d
JOIN events_event e ON e.tenant_id = d.tenant_id AND e.id = d.event_id
WHERE d.subscription = 'compliance.double_opt_in' ORDER BY e.id
"""


@pytest_asyncio.fixture
async def shop(core: Core, queue: ArqQueue) -> AsyncIterator[Core]:
    """Alpha asks since the first of June, and has the outbox and what is mandatory, no more. The worker does
    bravo's own regular jobs, too: these are all that may be there in the end.
    """
    await change(core, "DELETE FROM tenancy_plugin WHERE plugin <> 'outbox'")
    async with core.tenant_scope("alpha") as ctx:
        await set_plugin(ctx, "compliance", True, {"double_opt_in_from": FROM})
    yield core
    for table in ("jobs_schedule", "jobs_task"):
        await change(core, f"DELETE FROM {table} WHERE tenant_id = 'bravo'")


async def known(core: Core, tenant: str = "alpha", **fields: object) -> int:
    """Somebody the shop knows, who never subscribed."""
    fields = {"email_consent": "never", "consent_at": None, "consent_source": "", **fields}
    return await sign_up(core, tenant, **fields)


async def subscribe(core: Core, customer: int, source: str = "footer form", **ago: float) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await set_consent(ctx, customer, "subscribed", source, ctx.now - timedelta(**ago))


async def quiet(core: Core, redis_url: str) -> list[tuple[str, str, int]]:
    """Let a worker do all there is now and when campaigns are proposed next: the deliveries to the double
    opt-in, as (said, state, attempts).
    """
    for _ in range(2):
        async with worker(core, redis_url):
            await drain(core)
        core.clock.turn(minutes=10)  # type: ignore[attr-defined]
    return [(row["said"], row["state"], row["attempts"]) for row in await rows(core, DELIVERIES)]


async def test_from_the_form_to_the_subscription_by_the_worker_alone(
    shop: Core, redis_url: str, web: httpx.AsyncClient
) -> None:
    customer = await known(shop)
    await subscribe(shop, customer)
    assert await state(shop, customer) == "subscribed"  # nobody has looked at it yet
    told = [("subscribed", "done", 1), ("pending", "done", 1)]
    assert await quiet(shop, redis_url) == told
    assert await state(shop, customer) == "pending"
    [(_, link)] = await mails(shop)

    assert (await web.post(link)).status_code == 200
    assert await quiet(shop, redis_url) == [*told, ("subscribed", "done", 1)]
    assert await state(shop, customer) == "subscribed"  # our own answer is not held again
    assert len(await mails(shop)) == 1
    async with shop.tenant_scope("alpha") as ctx:
        said = [one.kind for one in await consent_history(ctx, customer)]
    assert said == ["granted", "pending", "granted", "never"]


async def test_a_sign_up_that_was_rolled_back_is_never_heard_of(shop: Core, redis_url: str) -> None:
    customer = await known(shop)
    try:
        async with shop.tenant_scope("alpha") as ctx:
            await set_consent(ctx, customer, "subscribed", "footer form", ctx.now)
            raise RuntimeError("in the middle")
    except RuntimeError:
        pass
    assert await quiet(shop, redis_url) == []
    assert await mails(shop) == [] and await state(shop, customer) == "never"


async def test_many_at_once_are_held_by_country_and_each_is_asked_once(
    shop: Core, redis_url: str
) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        empty = {"email_consent": "never", "consent_at": None, "consent_source": ""}
        held = await add_customers(ctx, 40, country="DE", **empty)
        free = await add_customers(ctx, 20, country="FR", **empty)
        statements = [(one, "subscribed", "footer form", ctx.now) for one in (*held, *free)]
        await set_consents(ctx, statements)  # type: ignore[arg-type]
    told = await quiet(shop, redis_url)
    assert sorted(told) == [("pending", "done", 1)] * 40 + [("subscribed", "done", 1)] * 60
    found = await rows(shop, "SELECT id, email_consent AS said FROM profiles_customer")
    assert {row["id"] for row in found if row["said"] == "pending"} == set(held)
    assert {row["id"] for row in found if row["said"] == "subscribed"} == set(free)
    assert len(await mails(shop)) == 40


async def test_an_event_delivered_twice_changes_nothing_more(
    shop: Core, redis_url: str, web: httpx.AsyncClient
) -> None:
    customer = await known(shop)
    await subscribe(shop, customer)
    await quiet(shop, redis_url)
    again = "UPDATE events_delivery SET state = 'pending', due_at = now()"
    await change(shop, again)
    await quiet(shop, redis_url)
    assert await state(shop, customer) == "pending"
    [(_, link)] = await mails(shop)
    await web.post(link)
    await change(shop, again)
    told = await quiet(shop, redis_url)
    assert [one[:2] for one in told] == [
        (said, "done") for said in ("subscribed", "pending", "subscribed")
    ]
    assert await state(shop, customer) == "subscribed"
    assert len(await mails(shop)) == 1
    async with shop.tenant_scope("alpha") as ctx:
        assert len(await consent_history(ctx, customer)) == 4


async def test_who_unsubscribes_before_the_queue_is_through_stays_so(
    shop: Core, redis_url: str
) -> None:
    customer = await known(shop)
    await subscribe(shop, customer, minutes=5)
    async with shop.tenant_scope("alpha") as ctx:
        await set_consent(ctx, customer, "unsubscribed", "page", ctx.now)
    told = await quiet(shop, redis_url)
    assert [one[:2] for one in told] == [("subscribed", "done"), ("unsubscribed", "done")]
    assert await state(shop, customer) == "unsubscribed" and await mails(shop) == []


async def test_a_confirmation_that_overtakes_its_sign_up_is_kept(
    shop: Core, redis_url: str
) -> None:
    """The shop tells of both before the worker looks: what counts is how it stands now."""
    customer = await known(shop)
    await subscribe(shop, customer, minutes=5)
    await subscribe(shop, customer, "shopify: CONFIRMED_OPT_IN")
    assert await quiet(shop, redis_url) == [("subscribed", "done", 1)]
    assert await state(shop, customer) == "subscribed" and await mails(shop) == []


async def test_a_handler_that_fails_is_tried_again_and_nobody_is_lost(
    shop: Core, redis_url: str
) -> None:
    """Settings that cannot be read are mended, and the sign-up of meanwhile is held all the same."""
    settings = "UPDATE tenancy_plugin SET settings = $1::text::jsonb WHERE plugin = 'compliance'"
    await change(shop, settings, '{"double_opt_in_from": "soon"}')
    customer = await known(shop)
    await subscribe(shop, customer)
    assert await quiet(shop, redis_url) == [("subscribed", "pending", 1)]
    await change(shop, settings, f'{{"double_opt_in_from": "{FROM}"}}')
    await change(shop, "UPDATE events_delivery SET due_at = now() WHERE state = 'pending'")
    assert await quiet(shop, redis_url) == [("subscribed", "done", 2), ("pending", "done", 1)]
    assert await state(shop, customer) == "pending"
    assert len(await mails(shop)) == 1


async def test_a_sign_up_again_after_the_link_went_stale_is_asked_again(
    shop: Core, redis_url: str, clock: TurnedClock
) -> None:
    customer = await known(shop)
    await subscribe(shop, customer)
    await quiet(shop, redis_url)
    clock.turn(days=40)
    await quiet(shop, redis_url)
    assert len(await mails(shop)) == 1
    await subscribe(shop, customer)
    await quiet(shop, redis_url)
    assert await state(shop, customer) == "pending"
    assert len(await mails(shop)) == 2


async def test_a_shop_that_does_not_ask_holds_nobody(shop: Core, redis_url: str) -> None:
    await add_tenant(shop, "charlie", ["outbox"])
    customer = await known(shop, "charlie")
    async with shop.tenant_scope("charlie") as ctx:
        await set_consent(ctx, customer, "subscribed", "footer form", ctx.now)
    assert await quiet(shop, redis_url) == [("subscribed", "done", 1)]
    async with shop.tenant_scope("charlie") as ctx:
        row = await ctx.db.fetchrow("SELECT email_consent FROM profiles_customer")
    assert row["email_consent"] == "subscribed"
    assert confirm.SOURCE not in str(await rows(shop, "SELECT source FROM profiles_consent"))
