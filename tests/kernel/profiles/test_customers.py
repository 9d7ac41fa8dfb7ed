"""Who is who: ids, aliases, addresses; what replaces what; and products by SKU."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from kernel.contracts.errors import InvalidInput
from kernel.profiles.frames import CUSTOMERS, PRODUCTS
from kernel.profiles.intake import merge_customers, merge_products
from kernel.profiles.live import create_customers

from .conftest import DAY, frame


async def merge(ctx, *rows):
    return await merge_customers(ctx, frame(rows, CUSTOMERS))


async def known(ctx):
    rows = await ctx.db.fetch(
        "SELECT external_id, email, first_name FROM profiles_customer ORDER BY id"
    )
    return [tuple(row) for row in rows]


async def test_every_row_is_counted_once(alpha):
    counts = await merge(
        alpha,
        {"external_id": "1", "email": "a@x.com"},
        {"external_id": "1", "first_name": "Ada"},
        {"external_id": "2", "email": "A@x.com "},
        {"external_id": "", "email": "b@x.com"},
    )
    assert (counts.created, counts.changed, counts.unchanged, counts.merged) == (2, 0, 0, 2)
    assert counts.noticed == {"same_email": 1}
    assert await known(alpha) == [("1", "a@x.com", "Ada"), ("", "b@x.com", "")]
    again = await merge(alpha, {"external_id": "2", "email": "a@x.com"}, {"external_id": "1"})
    assert (again.created, again.changed, again.unchanged, again.merged) == (0, 0, 1, 1)


async def test_an_address_that_belongs_to_another_profile_stays_there(alpha):
    await merge(
        alpha, {"external_id": "1", "email": "a@x.com"}, {"external_id": "2", "email": "b@x.com"}
    )
    counts = await merge(alpha, {"external_id": "2", "email": "a@x.com", "first_name": "Bob"})
    assert counts.noticed == {"email_taken": 1}
    assert await known(alpha) == [("1", "a@x.com", ""), ("2", "b@x.com", "Bob")]


async def test_someone_known_by_address_alone_gets_the_id_and_later_ids_become_aliases(alpha):
    await merge(alpha, {"external_id": "", "email": "a@x.com"})
    await merge(
        alpha, {"external_id": "7", "email": "a@x.com"}, {"external_id": "5", "email": "a@x.com"}
    )
    assert await known(alpha) == [("5", "a@x.com", "")]
    aliases = await alpha.db.fetch("SELECT external_id FROM profiles_customer_alias")
    assert [row[0] for row in aliases] == ["7"]


async def test_in_one_frame_a_new_address_of_one_is_found_by_the_others(alpha):
    await merge(alpha, {"external_id": "1"})
    counts = await merge(
        alpha,
        {"external_id": "", "email": "a@x.com", "first_name": "Ada"},
        {"external_id": "1", "email": "a@x.com"},
    )
    assert (counts.created, counts.changed, counts.merged) == (0, 1, 1)
    assert await known(alpha) == [("1", "a@x.com", "Ada")]


async def test_an_erased_person_is_not_brought_back(alpha):
    await merge(alpha, {"external_id": "1", "email": "a@x.com", "first_name": "Ada"})
    await alpha.db.execute(
        "UPDATE profiles_customer SET email = NULL, first_name = '', erased_at = now()"
    )
    counts = await merge(
        alpha,
        {"external_id": "1", "email": "a@x.com", "first_name": "Ada", "consent": "subscribed"},
    )
    assert (counts.created, counts.changed) == (0, 0)
    assert counts.noticed == {"erased": 1}
    assert await known(alpha) == [("1", None, "")]
    assert await alpha.db.fetchval("SELECT email_consent FROM profiles_customer") == "unknown"


async def test_a_frame_of_nobody(alpha):
    counts = await merge(alpha)
    assert (counts.created, counts.changed, counts.unchanged, counts.merged) == (0, 0, 0, 0)


async def events(ctx):
    rows = await ctx.db.fetch("SELECT type, occurred_at FROM events_event ORDER BY id")
    return [tuple(row) for row in rows]


async def test_live_customers_are_told_of_once(alpha):
    rows = [
        {"external_id": "1", "email": "a@x.com", "created_at": DAY, "consent": "subscribed",
         "consent_at": DAY, "consent_source": "form"},
        {"external_id": "2", "consent": "", "created_at": None},
    ]  # fmt: skip
    ids = await create_customers(alpha, frame(rows, CUSTOMERS))
    told = [("customer.created", DAY), ("customer.created", alpha.now), ("consent.changed", DAY)]
    assert await events(alpha) == told
    assert await create_customers(alpha, frame(rows, CUSTOMERS)) == ids
    assert await events(alpha) == told
    rows[0] |= {"consent": "unsubscribed", "consent_at": DAY - timedelta(days=1)}
    await create_customers(alpha, frame(rows, CUSTOMERS))
    assert await events(alpha) == told, "an older statement changes nothing"


async def test_history_is_silent(alpha):
    await merge(alpha, {"external_id": "1", "consent": "subscribed", "consent_at": DAY})
    assert await events(alpha) == []


async def test_products_are_replaced_by_what_differs(alpha):
    rows = [
        {"sku": "A", "title": "Bowl", "price": Decimal("1.50"), "tags": "b, a,,b"},
        {"sku": "B"},
    ]
    counts = await merge_products(alpha, frame(rows, PRODUCTS))
    assert (counts.created, counts.changed, counts.unchanged, counts.merged) == (2, 0, 0, 0)
    rows = [rows[0], rows[1], {"sku": "B", "title": "Cup"}]
    counts = await merge_products(alpha, frame(rows, PRODUCTS))
    assert (counts.created, counts.changed, counts.unchanged, counts.merged) == (0, 1, 1, 1)
    found = await alpha.db.fetch("SELECT sku, title, price, tags FROM profiles_product ORDER BY 1")
    assert [tuple(row) for row in found] == [
        ("A", "Bowl", Decimal("1.50"), ["a", "b"]),
        ("B", "Cup", None, []),
    ]


async def test_a_state_that_does_not_exist(alpha):
    with pytest.raises(InvalidInput, match="maybe: no such state"):
        await merge(alpha, {"external_id": "1", "consent": "maybe"})
