"""The consent ledger: every change stands in it, unbroken, and says nothing about the person."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import asyncpg
import polars as pl
import pytest

from kernel.pipeline.suppressing import suppress
from kernel.profiles import consent_chain as chain
from kernel.profiles.consent import apply_consent, set_consent, set_consents
from kernel.profiles.consent_history import consent_history
from kernel.profiles.consent_ledger import flush
from kernel.profiles.consent_tracking import set_tracking_consent
from kernel.profiles.frames import CUSTOMERS
from kernel.profiles.intake import merge_customers
from kernel.profiles.live import create_customers
from kernel.profiles.rights import erase_customer, export_customer
from kernel.profiles.suppression import unsuppress
from kernel.testing.seed import add_customers

from .conftest import DAY, frame

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

NOBODY_ASKED = {"email_consent": "unknown", "consent_at": None, "consent_source": ""}
LATER = DAY + timedelta(days=1)


async def entries(core: Core, tenant: str = "alpha") -> list[Any]:
    async with core.tenant_scope(tenant) as ctx:
        return await ctx.db.fetch("SELECT * FROM profiles_consent ORDER BY seq")


def unbroken(rows: list[Any], tenant: str = "alpha") -> bool:
    before = chain.genesis(tenant)
    for number, row in enumerate(rows, 1):
        fields = chain.Fields(*(row[name] for name in chain.Fields._fields))
        made = chain.chained(tenant, before, fields, row["evidence_hash"])
        if (row["seq"], row["prev_hash"], row["hash"]) != (number, before, made):
            return False
        before = made
    return True


async def test_every_change_stands_in_the_chain(core: Core) -> None:
    async with core.tenant_scope("alpha", actor="ada the merchant") as ctx:
        [one] = await add_customers(ctx, **NOBODY_ASKED)
        await set_consent(ctx, one, "pending", "form", DAY, wording="news-3")
        await set_consent(ctx, one, "subscribed", "link", LATER, basis="double_opt_in")
        assert not await set_consent(ctx, one, "unsubscribed", "late", DAY)
        await set_tracking_consent(ctx, [(one, "granted", "form", DAY)])
        await suppress(ctx, "customer1@example.com", "unsubscribed", topic="offers")
        await unsuppress(ctx, "customer1@example.com", topic="offers")
        await suppress(ctx, "customer1@example.com", "complained")
        await suppress(ctx, "nobody@example.com", "bounced")
    rows = await entries(core)
    assert [(row["kind"], row["purpose"], row["basis"]) for row in rows] == [
        ("pending", "marketing", "express"),
        ("granted", "marketing", "double_opt_in"),
        ("tracking_granted", "tracking", "express"),
        ("topic_off", "topic:offers", "unsubscribed"),
        ("topic_on", "topic:offers", ""),
        ("suppressed", "marketing", "complained"),
        ("suppressed", "marketing", "bounced"),
    ]
    assert [row["wording"] for row in rows[:2]] == ["news-3", "news-3"]
    assert unbroken(rows)
    assert len({row["subject"] for row in rows}) == 2


async def test_the_wording_stays_on_the_profile(alpha: TenantScope) -> None:
    [one] = await add_customers(alpha, **NOBODY_ASKED)
    wording = "SELECT consent_wording FROM profiles_customer WHERE id = $1"
    await set_consent(alpha, one, "pending", "form", DAY, wording="news-3")
    await set_consent(alpha, one, "subscribed", "link", LATER)
    assert await alpha.db.fetchval(wording, one) == "news-3"
    await set_consent(alpha, one, "unsubscribed", "link", LATER + timedelta(days=1))
    assert await alpha.db.fetchval(wording, one) == "news-3"
    await set_consent(alpha, one, "subscribed", "shop", LATER + timedelta(days=2))
    assert await alpha.db.fetchval(wording, one) == "", "new words, and nobody knows which"


async def test_no_personal_data_in_the_chain_and_the_evidence_is_locked(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx, email="ada@example.com", **NOBODY_ASKED)
        proof = {"form": "ada's own words"}
        await set_consent(ctx, one, "subscribed", "told by ada@example.com", DAY, evidence=proof)
        [entry] = await consent_history(ctx, one)
    assert entry.source == "see evidence"
    assert entry.evidence == {
        "email": "ada@example.com",
        "form": "ada's own words",
        "source": "told by ada@example.com",
    }
    [row] = await entries(core)
    assert "ada" not in str(dict(row)).lower()
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE profiles_person_key SET wrapped = decode('00', 'hex')")
        assert [entry.evidence for entry in await consent_history(ctx, one)] == [None]
        # A broken key must never keep anybody from unsubscribing.
        assert await set_consent(ctx, one, "unsubscribed", "link", LATER)
    assert unbroken(await entries(core))


async def test_an_older_installations_consents_are_opened_first(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx, tracking_consent="granted", consent_wording="old-1")
        await set_consent(ctx, one, "unsubscribed", "link", ctx.now)
        await set_consent(ctx, one, "subscribed", "form", ctx.now + timedelta(days=1))
    rows = await entries(core)
    assert [(row["kind"], row["basis"], row["source"]) for row in rows] == [
        ("granted", "imported", "checkout"),
        ("tracking_granted", "imported", ""),
        ("withdrawn", "", "link"),
        ("granted", "express", "form"),
    ]
    assert rows[0]["wording"] == "old-1" and rows[0]["occurred_at"] < rows[2]["occurred_at"]
    assert unbroken(rows)


async def test_imports_are_chained_in_bulk(core: Core) -> None:
    count = 2500
    people = [
        {"email": f"Ä{i},\"x\"@example.com", "consent": "subscribed" if i % 2 else "never",
         "consent_at": DAY + timedelta(microseconds=i) if i % 3 else None, "consent_source": "csv"}
        for i in range(count)
    ]  # fmt: skip
    async with core.tenant_scope("alpha") as ctx:
        await merge_customers(ctx, frame(people, CUSTOMERS))
    rows = await entries(core)
    assert len(rows) == count and unbroken(rows)
    assert {row["basis"] for row in rows} == {"imported"}
    assert {row["kind"] for row in rows} == {"granted", "never"}
    async with core.tenant_scope("alpha") as ctx:
        known = await ctx.db.fetch("SELECT id, email, consent_at FROM profiles_customer LIMIT 50")
        for person in known:
            [entry] = await consent_history(ctx, person["id"])
            assert entry.evidence is not None and entry.evidence["email"] == person["email"]
            assert person["consent_at"] in (None, entry.occurred_at)
        await merge_customers(ctx, frame(people, CUSTOMERS))
    assert len(await entries(core)) == count, "told again, nothing changed"


async def test_an_import_over_known_consents_opens_them(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx)
        said = {"customer_id": [one], "state": ["unsubscribed"], "source": ["csv"], "at": [ctx.now]}
        await apply_consent(ctx, pl.DataFrame(said))
    rows = await entries(core)
    assert [(row["kind"], row["source"]) for row in rows] == [
        ("granted", "checkout"),
        ("withdrawn", "csv"),
    ]


async def test_what_is_rolled_back_is_not_in_the_chain(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 3, **NOBODY_ASKED)
        await set_consent(ctx, ids[0], "subscribed", "kept", DAY)

        async def part() -> None:
            async with ctx.savepoint():
                await set_consent(ctx, ids[1], "subscribed", "undone", DAY)
                await flush(ctx)
                await set_consent(ctx, ids[2], "subscribed", "undone", DAY)
                raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            await part()

    async def whole() -> None:
        async with core.tenant_scope("alpha") as ctx:
            await set_consent(ctx, ids[1], "subscribed", "undone", DAY)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await whole()
    rows = await entries(core)
    assert [row["source"] for row in rows] == ["kept"] and unbroken(rows)


async def test_many_at_once_leave_no_gap(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 40, **NOBODY_ASKED)

    async def one(number: int) -> None:
        async with core.tenant_scope("alpha") as ctx:
            # Against each other on purpose: customers are locked in opposite orders.
            pair = [ids[number], ids[-1 - number]]
            for who in sorted(pair, reverse=number % 2 == 1):
                await set_consent(
                    ctx, who, "subscribed", f"t{number}", DAY + timedelta(hours=number)
                )
                await asyncio.sleep(0)
            if number % 5 == 0:
                raise ZeroDivisionError

    await asyncio.gather(*(one(n) for n in range(20)), return_exceptions=True)
    rows = await entries(core)
    assert len(rows) == 32 and unbroken(rows)


async def test_erasing_destroys_the_key_and_says_so_once(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 2, **NOBODY_ASKED)
        await set_consents(ctx, [(who, "subscribed", "form", DAY) for who in ids])
        copy = (await export_customer(ctx, ids[0])).kernel["profiles_consent"]
        assert copy[0]["evidence"] == {"email": "customer1@example.com"}
        await set_consent(ctx, ids[0], "unsubscribed", "in the same transaction", LATER)
        await erase_customer(ctx, ids[0])
    async with core.tenant_scope("alpha") as ctx:
        await erase_customer(ctx, ids[0])
        assert await consent_history(ctx, ids[0]) == []
        assert len(await consent_history(ctx, ids[1])) == 1
        left = await ctx.db.fetch("SELECT customer_id FROM profiles_person_key")
        assert [row["customer_id"] for row in left] == [ids[1]]
        assert not await set_tracking_consent(ctx, [(ids[0], "granted", "late", ctx.now)])
    rows = await entries(core)
    gone = rows[0]["subject"]
    assert [r["kind"] for r in rows if r["subject"] == gone] == ["granted", "withdrawn", "erased"]
    assert unbroken(rows)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE profiles_consent SET kind = 'granted'",
        "DELETE FROM profiles_consent",
        "TRUNCATE profiles_consent",
        "DELETE FROM profiles_consent_head",
        "UPDATE profiles_consent_anchor SET seq = 1",
    ],
)
async def test_the_program_cannot_change_what_stands(core: Core, sql: str) -> None:
    async with core.tenant_scope("alpha") as ctx:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with ctx.savepoint():
                await ctx.db.execute(sql)
    if "head" in sql:
        return
    async with core.pool.unit_of_work(role=None) as unit:
        with pytest.raises(asyncpg.RaiseError, match="append-only"):
            async with unit.conn.transaction():
                await unit.execute(sql)


async def test_bravos_chain_is_its_own(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx, **NOBODY_ASKED)
        await set_consent(ctx, one, "subscribed", "form", DAY)
    async with core.tenant_scope("bravo") as ctx:
        assert await consent_history(ctx, one) == []
        assert not await set_consent(ctx, one, "unsubscribed", "forged", ctx.now)
    assert await entries(core, "bravo") == []


@pytest.mark.parametrize(
    ("said", "ends"),
    [
        ([("granted", DAY), ("denied", LATER)], "denied"),
        ([("denied", LATER), ("granted", DAY)], "denied"),
        ([("granted", LATER), ("denied", DAY)], "granted"),
        ([("denied", DAY), ("granted", DAY)], "denied"),
        ([("granted", DAY), ("denied", DAY)], "denied"),
        ([("granted", DAY), ("denied", None)], "denied"),
        ([("denied", DAY), ("granted", None)], "denied"),
        ([("granted", None)], "granted"),
    ],
)
async def test_the_later_statement_on_tracking_wins(
    alpha: TenantScope, said: list[Any], ends: str
) -> None:
    [one] = await add_customers(alpha)
    for state, at in said:
        await set_tracking_consent(alpha, [(one, state, "banner", at)])
    found = await alpha.db.fetchval("SELECT tracking_consent FROM profiles_customer")
    assert found == ends


async def test_consent_to_be_tracked_is_imported_and_told_live(core: Core) -> None:
    said = {"email": "ada@example.com", "tracking": "granted", "tracking_at": DAY}
    async with core.tenant_scope("alpha") as ctx:
        await merge_customers(ctx, frame([said], CUSTOMERS))
    async with core.tenant_scope("alpha") as ctx:
        await merge_customers(ctx, frame([said], CUSTOMERS))
        bo = {"email": "bo@example.com", "tracking": "granted", "consent_source": "checkout"}
        await create_customers(ctx, frame([bo], CUSTOMERS))
    rows = await entries(core)
    assert [(row["kind"], row["basis"], row["source"]) for row in rows] == [
        ("tracking_granted", "imported", ""),
        ("tracking_granted", "express", "checkout"),
    ]


async def test_live_customers_come_with_their_consent(core: Core) -> None:
    people = [
        {"email": f"c{i}@example.com", "consent": "subscribed", "consent_source": "checkout"}
        for i in range(3)
    ]
    async with core.tenant_scope("alpha") as ctx:
        await create_customers(ctx, frame(people, CUSTOMERS))
    rows = await entries(core)
    assert [(row["kind"], row["basis"]) for row in rows] == [("granted", "express")] * 3
    assert unbroken(rows)
