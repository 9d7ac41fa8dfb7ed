"""The suppression list: recognises addresses, holds none, and stops what is planned."""

from __future__ import annotations

import importlib
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg
import msgspec
import pytest

from kernel.contracts.errors import InvalidInput, Unavailable
from kernel.pipeline.suppressing import suppress
from kernel.profiles import suppression
from kernel.profiles.rights import erase_customer, export_customer
from kernel.profiles.suppression_page import page
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

ADA = "ada@example.com"


async def entries(ctx: TenantScope, email: str = ADA) -> list[tuple[str, str]]:
    found = await suppression.suppressed(ctx, [email])
    return [(entry.reason, entry.topic) for entry in found.get(email, [])]


def test_one_person_in_any_spelling() -> None:
    spelt = suppression.normal("ADA@xn--bcher-kva.example")
    assert suppression.normal("ada@BÜCHER.example") == spelt
    assert suppression.normal("a+b@x.com") != suppression.normal("a@x.com")
    assert suppression.normal("ö@" + "x" * 80 + "ö.com")  # no domain that IDNA knows


async def test_the_answer_is_by_the_spelling_asked_for(alpha: TenantScope) -> None:
    await suppress(alpha, " ada@Example.com", "manual")
    asked = [ADA, "ADA@example.com", "bo@example.com", None]
    assert set(await suppression.suppressed(alpha, asked)) == {ADA, "ADA@example.com"}


async def test_the_list_holds_no_address(alpha: TenantScope) -> None:
    await suppress(alpha, ADA, "manual")
    [row] = await alpha.db.fetch("SELECT s::text AS all FROM profiles_suppression s")
    assert "ada" not in row["all"] and "example" not in row["all"]


async def test_a_complaint_is_not_softened(alpha: TenantScope) -> None:
    for reason in ("complained", "unsubscribed", "manual"):
        await suppress(alpha, ADA, reason)
    assert await entries(alpha) == [("complained", "")]
    with pytest.raises(InvalidInput):
        await suppress(alpha, ADA, "bored")  # type: ignore[arg-type]


async def test_topics_stand_beside_everything(alpha: TenantScope) -> None:
    await suppress(alpha, ADA, "unsubscribed", topic="offers")
    assert await entries(alpha) == [("unsubscribed", "offers")]
    await suppress(alpha, ADA, "bounced")
    assert await entries(alpha) == [("bounced", ""), ("unsubscribed", "offers")]
    assert await suppression.unsuppress(alpha, ADA, topic="offers")
    assert not await suppression.unsuppress(alpha, ADA, topic="offers")
    assert await entries(alpha) == [("bounced", "")]


async def test_a_person_takes_back_their_own_unsubscription_only(alpha: TenantScope) -> None:
    await add_customers(alpha, email=ADA)
    message = uuid4()
    await suppress(alpha, ADA, "unsubscribed", message)
    [entry] = (await suppression.suppressed(alpha, [ADA]))[ADA]
    assert (entry.message_id, entry.was) == (message, "subscribed")
    assert not await suppression.unsuppress(alpha, ADA, uuid4())
    assert await suppression.unsuppress(alpha, ADA, message)
    await suppress(alpha, ADA, "complained", message)
    assert not await suppression.unsuppress(alpha, ADA, message)


async def test_what_is_planned_is_cancelled(alpha: TenantScope) -> None:
    ada, bo = await add_customers(alpha, 2)
    campaign = await add_campaign(alpha)
    await add_messages(alpha, campaign, [ada, bo], state="planned")
    await suppress(alpha, "CUSTOMER1@example.com", "bounced")
    rows = await alpha.db.fetch("SELECT customer_id, state, reason FROM pipeline_message")
    states = {row["customer_id"]: (row["state"], row["reason"]) for row in rows}
    assert states[ada] == ("cancelled", "Mail to this address came back.")
    assert states[bo][0] == "planned"


async def test_bravo_neither_sees_nor_shares_alphas_list(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await suppress(ctx, ADA, "manual")
        [at_alpha] = suppression.sealed(ctx, ADA)
        assert len((await page(ctx)).lines) == 1
    async with core.tenant_scope("bravo") as bravo:
        assert await suppression.suppressed(bravo, [ADA]) == {}
        assert (await page(bravo)).lines == ()
        assert suppression.sealed(bravo, ADA) != [at_alpha]


async def test_a_changed_secret_closes_the_list(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await suppress(ctx, ADA, "manual")
    changed = replace(core, links=msgspec.structs.replace(core.links, secret="another" * 6))
    async with changed.tenant_scope("alpha") as ctx:
        with pytest.raises(Unavailable, match="another secret"):
            await suppression.suppressed(ctx, ["bo@example.com"])
        assert await suppression.suppressed(ctx, [ADA], ignore_unreadable=True) == {}
        [line] = (await page(ctx)).lines
        assert not line.readable


async def test_pages_show_everything_once_and_no_address(core: Core) -> None:
    for n in range(7):
        async with core.tenant_scope("alpha") as ctx:
            await suppress(ctx, f"c{n % 4}@example.com", "manual", topic="offers" * (n // 4))
    async with core.tenant_scope("alpha") as ctx:
        seen, after = [], ""
        while True:
            found = await page(ctx, after, limit=2)
            seen += found.lines
            if not (after := found.next):
                break
        assert len({(line.email_hmac, line.topic) for line in seen}) == len(seen) == 7
        assert seen == sorted(seen, key=lambda x: (x.at, x.email_hmac, x.topic), reverse=True)
        with pytest.raises(InvalidInput):
            await page(ctx, "nonsense")


async def test_erasing_keeps_the_hash_alone(alpha: TenantScope) -> None:
    [one] = await add_customers(alpha, email=ADA, consent_at=alpha.now - timedelta(days=3))
    await suppress(alpha, ADA, "unsubscribed", uuid4())
    await suppress(alpha, ADA, "unsubscribed", uuid4(), topic="news")
    kept = (await export_customer(alpha, one)).kernel["profiles_suppression"]
    assert [(row["topic"], "subscribed" in row["was"]) for row in kept] == [
        ("", True),
        ("news", True),
    ]
    await erase_customer(alpha, one)
    await erase_customer(alpha, one)
    assert await entries(alpha) == [("erased", ""), ("unsubscribed", "news")]
    rows = await alpha.db.fetch("SELECT was::text, message_id FROM profiles_suppression")
    assert [tuple(row) for row in rows] == [("{}", None)] * 2


OLD = "plugins.compliance.piccolo_migrations.compliance_2026_11_24t03_30_00_200001"
MOVE = "plugins.compliance.piccolo_migrations.compliance_2026_11_24t17_06_00_500302"
ROW = """INSERT INTO compliance_suppression
VALUES ('alpha', '\\x01', 'k', 'complained', '{"state": "subscribed"}', $1, '2026-03-01')"""


async def test_an_older_installations_list_moves_to_the_kernel(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    message = uuid4()
    try:
        await connection.execute(importlib.import_module(OLD).SQL)
        await connection.execute(ROW, message)
        # On a managed database the owner is no superuser, and row-level security is forced upon it.
        await connection.execute(
            """CREATE ROLE landlord NOSUPERUSER NOBYPASSRLS;
            GRANT USAGE, CREATE ON SCHEMA public TO landlord;
            ALTER TABLE compliance_suppression OWNER TO landlord;
            ALTER TABLE profiles_suppression OWNER TO landlord;
            SET ROLE landlord"""
        )
        await connection.execute(importlib.import_module(MOVE).SQL)
        await connection.execute("RESET ROLE")
        [row] = await connection.fetch(
            "SELECT email_hmac, topic, reason, was->>'state', message_id FROM profiles_suppression"
        )
        assert tuple(row) == (b"\x01", "", "complained", "subscribed", message)
        assert await connection.fetchval("SELECT to_regclass('compliance_suppression')") is None
        assert await connection.fetchval(
            "SELECT relforcerowsecurity FROM pg_class WHERE relname = 'profiles_suppression'"
        )
    finally:
        await transaction.rollback()
        await connection.close()
