"""The later statement wins, in whatever order statements arrive; doubt never becomes a yes."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import permutations

import pytest

from kernel.contracts.errors import InvalidInput
from kernel.profiles.consent import set_consent, set_consents
from kernel.profiles.frames import CUSTOMERS
from kernel.profiles.intake import merge_customers
from kernel.testing.seed import add_customers

from .conftest import DAY, frame

LATER = DAY + timedelta(days=1)


async def state(ctx, customer_id):
    row = await ctx.db.fetchrow(
        "SELECT email_consent, consent_source, consent_at FROM profiles_customer WHERE id = $1",
        customer_id,
    )
    return tuple(row)


async def nobody_asked(ctx):
    (one,) = await add_customers(
        ctx, 1, email_consent="unknown", consent_at=None, consent_source=""
    )
    return one


async def test_an_older_yes_never_overrides_a_newer_no(alpha):
    one = await nobody_asked(alpha)
    assert await set_consent(alpha, one, "unsubscribed", "link", LATER)
    assert not await set_consent(alpha, one, "subscribed", "late webhook", DAY)
    assert await state(alpha, one) == ("unsubscribed", "link", LATER)
    told = await alpha.db.fetch("SELECT payload->>'state', occurred_at FROM events_event")
    assert [tuple(row) for row in told] == [("unsubscribed", LATER)]


async def test_twice_is_once(alpha):
    one = await nobody_asked(alpha)
    assert await set_consent(alpha, one, "subscribed", "form", DAY)
    assert not await set_consent(alpha, one, "subscribed", "form", DAY)
    assert await alpha.db.fetchval("SELECT count(*) FROM events_event") == 1


async def test_every_order_of_arrival_ends_the_same(alpha):
    statements = [
        ("subscribed", "a", DAY),
        ("unsubscribed", "b", DAY),
        ("pending", "c", DAY),
        ("unsubscribed", "d", DAY + timedelta(hours=1)),
        ("subscribed", "e", LATER),
    ]
    for way in permutations(statements):
        one = await nobody_asked(alpha)
        for said in way:
            await set_consent(alpha, one, *said)
        assert await state(alpha, one) == ("subscribed", "e", LATER)
    for way in permutations(statements[:3]):
        one = await nobody_asked(alpha)
        for said in way:
            await set_consent(alpha, one, *said)
        assert await state(alpha, one) == ("unsubscribed", "b", DAY), "the careful one at a tie"


async def test_a_repeated_yes_moves_its_time_so_that_an_older_no_stays_old(alpha):
    one = await nobody_asked(alpha)
    await set_consent(alpha, one, "subscribed", "form", DAY)
    assert not await set_consent(alpha, one, "subscribed", "checkout", LATER)
    assert not await set_consent(alpha, one, "unsubscribed", "late", DAY + timedelta(hours=1))
    assert await state(alpha, one) == ("subscribed", "checkout", LATER)


async def test_many_at_once(alpha):
    ids = [await nobody_asked(alpha) for _ in range(3)]
    turned = await set_consents(alpha, [(i, "subscribed", "form", DAY) for i in ids[:2]])
    assert sorted(turned) == ids[:2]
    assert await set_consents(alpha, []) == []
    assert (await state(alpha, ids[2]))[0] == "unknown"


@pytest.mark.parametrize(
    ("before", "at", "said", "after"),
    [
        ("unknown", None, "subscribed", "subscribed"),
        ("pending", None, "subscribed", "subscribed"),
        ("never", None, "subscribed", "never"),
        ("never", DAY, "subscribed", "never"),
        ("unsubscribed", DAY, "subscribed", "unsubscribed"),
        ("unsubscribed", None, "subscribed", "unsubscribed"),
        ("subscribed", DAY, "unsubscribed", "unsubscribed"),
        ("subscribed", None, "never", "never"),
        ("subscribed", DAY, "unknown", "subscribed"),
        ("unsubscribed", DAY, "never", "unsubscribed"),
        ("unsubscribed", DAY, "pending", "unsubscribed"),
    ],
)
async def test_what_a_file_says_without_a_date(alpha, before, at: datetime | None, said, after):
    (one,) = await add_customers(alpha, 1, email_consent=before, consent_at=at)
    await merge_customers(
        alpha,
        frame([{"external_id": "c1", "consent": said, "consent_source": "export"}], CUSTOMERS),
    )
    found = await state(alpha, one)
    assert found[0] == after
    if (before, said) in {("subscribed", "unsubscribed"), ("subscribed", "never")}:
        assert found[2] == alpha.now, "a no without a date is true at the latest now"


async def test_an_erased_person_consents_to_nothing(alpha):
    (one,) = await add_customers(alpha, 1, erased_at=DAY, email=None, email_consent="unsubscribed")
    assert not await set_consent(alpha, one, "subscribed", "form", alpha.now)


async def test_bravo_cannot_change_alphas_consent(core):
    async with core.tenant_scope("alpha") as ctx:
        (one,) = await add_customers(ctx, 1)
    async with core.tenant_scope("bravo") as ctx:
        assert not await set_consent(ctx, one, "unsubscribed", "forged", ctx.now)
    async with core.tenant_scope("alpha") as ctx:
        assert (await state(ctx, one))[0] == "subscribed"


async def test_a_state_that_does_not_exist(alpha):
    with pytest.raises(InvalidInput, match="perhaps"):
        await set_consent(alpha, 1, "perhaps", "form", DAY)  # type: ignore[arg-type]
