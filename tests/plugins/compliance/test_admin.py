"""The pages for merchants: suppression list, consent ledger, and what the customer's page shows."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest_asyncio

from kernel.sdk import set_consent, suppress, suppressed
from kernel.testing.seed import add_customers
from tests.admin_ui.browser import HOSTILE, HTML, Browser, browser, sign_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from kernel.tenancy.core import Core

LIST = "/app/x/compliance/suppressions"
LEDGER = "/app/x/compliance/ledger"
EMAIL = "ada@example.com"


@pytest_asyncio.fixture
async def mia(core: Core) -> AsyncIterator[Browser]:
    async with browser(core) as client:
        await sign_in(client, core, "alpha")
        yield client


async def entries(core: Core, email: str = EMAIL) -> dict[str, str]:
    async with core.tenant_scope("alpha") as ctx:
        found = await suppressed(ctx, [email])
    return {one.topic: one.reason for one in found.get(email, [])}


async def audited(core: Core, action: str) -> list[dict[str, Any]]:
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch(
            "SELECT actor, subject, detail::text AS detail FROM tenancy_audit "
            "WHERE tenant_id = $1 AND action = $2 ORDER BY id",
            ctx.tenant.id,
            action,
        )
    return [dict(row) for row in rows]


async def test_the_list_names_no_address(core: Core, mia: Browser) -> None:
    assert "Nobody is on the list." in await mia.see(LIST)
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, email=EMAIL)
        await suppress(ctx, EMAIL, "complained")
        await suppress(ctx, EMAIL, "unsubscribed", topic="news")
        await suppress(ctx, "nobody@example.com", "bounced")
    text = await mia.see(LIST)
    assert "ada@" not in text and "nobody@" not in text
    for said in ("reported a mail as spam", "The customer unsubscribed", "came back", "news"):
        assert said in text


async def test_pages_follow_each_other(core: Core, mia: Browser) -> None:
    async with core.tenant_scope("alpha") as ctx:
        for number in range(55):
            await suppress(ctx, f"c{number}@example.com", "manual")
    first = await mia.see(LIST)
    following = first.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")
    second = await mia.see(following)
    assert first.count('data-label="Since"') == 50 and second.count('data-label="Since"') == 5
    assert 'rel="next"' not in second
    await mia.see(f"{LIST}?after=rubbish", 400)


async def test_add_look_up_and_lift(core: Core, mia: Browser) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [who] = await add_customers(ctx, email=EMAIL)
    await mia.see(LIST)
    assert "is not on the list" in await mia.submit(f"{LIST}/look-up", email=EMAIL)
    assert "The address is on the list" in await mia.submit(
        f"{LIST}/add", email=f" {EMAIL.upper()} "
    )
    assert await entries(core) == {"": "manual"}
    [line] = await audited(core, "suppression.added")
    assert line["subject"] == str(who) and "ada" not in str(line).lower()
    assert "all mails" in await mia.submit(f"{LIST}/look-up", email=EMAIL)
    await mia.submit(f"{LIST}/lift", 400, email=EMAIL, topic="", why="")
    await mia.submit(f"{LIST}/lift", 400, email=EMAIL, topic="", why="because")
    await mia.submit(f"{LIST}/lift", 400, email=EMAIL, topic="drop", why="asked")
    assert await entries(core) == {"": "manual"}
    text = await mia.submit(f"{LIST}/lift", email=EMAIL, topic="", why="mistake")
    assert "The entry is lifted" in text and EMAIL not in text
    assert await entries(core) == {}
    [line] = await audited(core, "suppression.lifted")
    assert line["subject"] == str(who) and "ada" not in str(line).lower()
    detail = json.loads(line["detail"])
    assert (detail["reason"], detail["was"], detail["topic"]) == ("mistake", "manual", "")
    text = await mia.submit(f"{LIST}/lift", email=EMAIL, topic="", why="mistake")
    assert "There was nothing to lift" in text
    assert len(await audited(core, "suppression.lifted")) == 1


async def test_only_the_named_topic_is_lifted(core: Core, mia: Browser) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await suppress(ctx, EMAIL, "bounced")
        await suppress(ctx, EMAIL, "unsubscribed", topic="offers")
    await mia.see(LIST)
    await mia.submit(f"{LIST}/lift", email=EMAIL, topic="offers", why="asked")
    assert await entries(core) == {"": "bounced"}


async def test_hostile_input(core: Core, mia: Browser) -> None:
    await mia.see(LIST)
    for path in ("look-up", "add", "lift"):
        for email in (
            "",
            "x",
            HOSTILE,
            "a@b.example,c@d.example",
            "a@b.example\r\nBcc: x",
            "é" * 300,
        ):
            text = await mia.submit(f"{LIST}/{path}", 400, email=email, topic="", why="asked")
            assert "<script>alert" not in text
    text = await mia.submit(f"{LIST}/look-up", email="o'b@example.com")
    assert "o&#39;b@example.com" in text
    assert "<script>" not in await mia.see(f"{LIST}?said={HOSTILE}")
    assert (await mia.post(f"{LIST}/add", data={"email": EMAIL}, headers=HTML)).status_code == 403
    assert await entries(core) == {}


async def test_nobody_signed_in_and_bravo_see_nothing(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await suppress(ctx, EMAIL, "complained")
        [who] = await add_customers(ctx, email="eve@example.com")
        await set_consent(ctx, who, "unsubscribed", "link", ctx.now)
    async with browser(core) as client:
        for path in (LIST, LEDGER):
            answer = await client.get(path, headers=HTML)
            assert "Suppression list" not in answer.text and "Consent ledger" not in answer.text
        await sign_in(client, core, "bravo")
        assert "Nobody is on the list." in await client.see(LIST)
        assert "is not on the list" in await client.submit(f"{LIST}/look-up", email=EMAIL)
        assert "There was nothing" in await client.submit(
            f"{LIST}/lift", email=EMAIL, topic="", why="asked"
        )
        assert "Nobody has consented or objected yet." in await client.see(LEDGER)
    assert await entries(core) == {"": "complained"}


async def test_the_ledger_is_verified_and_downloaded(core: Core, mia: Browser) -> None:
    await mia.see(LEDGER)
    await mia.submit(f"{LEDGER}/export", 400)
    async with core.tenant_scope("alpha") as ctx:
        [who] = await add_customers(ctx, email=EMAIL)
        await set_consent(ctx, who, "unsubscribed", "link", ctx.now)
    await mia.see(LEDGER)
    text = await mia.submit(f"{LEDGER}/export")
    head, *lines = [json.loads(line) for line in text.splitlines()]
    assert head["tenant"] == "alpha" and head["signature"] and len(lines) == head["seq"] == 2
    assert EMAIL not in text
    text = await mia.submit(f"{LEDGER}/verify")
    assert "Sound: 2 entries and 1 signed head were compared" in text
    assert "old secret" not in text
    # A process that still ran with a former secret.
    other = "o" * 40
    links = msgspec.structs.replace(core.links, secret=other, old_secrets=(core.links.secret,))
    async with replace(core, links=links).tenant_scope("alpha") as ctx:
        await set_consent(ctx, who, "subscribed", "form", ctx.now + timedelta(days=1))
    core.links = msgspec.structs.replace(core.links, old_secrets=(other,))
    text = await mia.submit(f"{LEDGER}/verify")
    assert "Sound: 3 entries" in text and "Row 3 is sealed with an old secret" in text
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("SET LOCAL session_replication_role = replica")
        await unit.execute("UPDATE profiles_consent SET source = 'x' WHERE seq = 2")
    text = await mia.submit(f"{LEDGER}/verify")
    assert "This ledger was changed." in text and "Entry 2" in text


async def test_the_customers_page_shows_the_history(core: Core, mia: Browser) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [who] = await add_customers(ctx, email=EMAIL)
        await set_consent(ctx, who, "unsubscribed", HOSTILE, ctx.now, wording="preferences-1-de")
        await suppress(ctx, EMAIL, "unsubscribed", topic="news")
    text = await mia.see(f"/app/customers/{who}")
    for said in ("Everything that was said", "Agreed to mails", "Unsubscribed", "checkout",
                 "Left a topic alone: news", "imported"):  # fmt: skip
        assert said in text, said
    assert "<script>alert" not in text
