"""The book, the panels and the command, through the real application."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from click.testing import CliRunner

from kernel.cli.program import Program
from kernel.sdk import NotFound
from kernel.tenancy.core import Core
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.discounts.commands import discounts
from tests.admin_ui.browser import Browser, browser, sign_in
from tests.plugins.discounts import asked
from tests.plugins.discounts.asked import adjust, candidate, guarded, rows, send

PATH = "/app/x/discounts/"


async def offers(core: Core, people: int = 3, **fields: Any) -> list[Any]:
    """Rows of the book for messages that stand in the ledger of a campaign."""
    async with core.tenant_scope("alpha") as ctx:
        await asked.settings(ctx, daily_budget=1000.0, prefix="OAK")
        campaign = await add_campaign(ctx, "winback")
        words = next(iter(core.board.campaign_types["winback"].value.copies.items()))
        await ctx.db.execute(
            "INSERT INTO pipeline_variant (tenant_id, campaign_id, variant, copy, original) "
            "VALUES ($1, $2, $3, $4, $4)",
            "alpha",
            campaign.id,
            words[0],
            msgspec.json.encode(words[1]).decode(),
        )
        ids = await add_customers(ctx, people, **fields)
        messages = await add_messages(ctx, campaign, ids, state="planned")
        given = msgspec.structs.replace(asked.frame(ctx), campaign=campaign)
        await adjust(
            ctx,
            given,
            [candidate(one.customer_id, one.id) for one in messages],
            [guarded(send("percent/10"))] * people,
        )
        return await rows(ctx)


async def test_an_empty_book(core: Core, client: Browser) -> None:
    text = await client.see(PATH)
    assert "No offer has been made yet" in text
    assert "€200.00 of €200.00 left" in text and "€2,000.00 of €2,000.00 left" in text
    assert "0 open codes" in await client.see("/app/")


async def test_the_book_has_pages_and_a_search(core: Core, client: Browser) -> None:
    made = await offers(core, 30)
    first = await client.see(PATH)
    assert first.count("<code>OAK-") == 25 and "Next page" in first
    assert "€300.00 set aside; €700.00 of €1,000.00 left" in first
    assert "no limit" in first, "the month has none"
    after = first.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    second = await client.see(after)
    assert second.count("<code>OAK-") == 5 and "First page" in second
    assert {row["code"] for row in made} == {
        part.partition("<")[0] for page in (first, second) for part in page.split("<code>")[1:]
    }
    code = made[7]["code"]
    found = await client.see(f"{PATH}?q={code[:10].lower()}")
    assert found.count("<code>OAK-") == 1 and code in found
    assert f'/app/messages/{made[7]["message_id"]}"' in found
    assert (await client.see(f"{PATH}?q=customer3@")).count("<code>OAK-") == 1
    assert (await client.see(f"{PATH}?q=OAK&only=reserved")).count("<code>OAK-") == 25
    assert "No code is like that" in await client.see(f"{PATH}?only=used")
    nobody = await client.see(f"{PATH}?q=%3Cscript%3E")
    assert "<script>" not in nobody.partition("<main")[2].partition("</main")[0]
    await client.see(f"{PATH}?only=lost", 400)
    await client.see(f"{PATH}?after=x", 400)
    await client.see(f"{PATH}?after=99999999999999999999", 400)


async def test_names_are_data(core: Core, client: Browser) -> None:
    await offers(core, 1, first_name="<b>Ada", last_name="")
    text = await client.see(PATH)
    assert "&lt;b&gt;Ada" in text and "<b>Ada" not in text


async def test_panels_of_home_campaign_and_message(core: Core, client: Browser) -> None:
    [one, _] = await offers(core, 2)
    home = await client.see("/app/")
    assert "2 open codes" in home and "€20.00 set aside" in home
    campaign = await client.see(f"/app/campaigns/{one['campaign_id']}")
    assert "Offers and their cost" in campaign and "10 %" in campaign and "€20.00" in campaign
    message = await client.see(f"/app/messages/{one['message_id']}")
    assert one["code"] in message and "Set aside" in message
    other = await client.see(PATH)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE discounts_code SET customer_id = NULL")
    assert "erased" not in other and "erased" in await client.see(PATH)


async def test_bravo_sees_no_book(core: Core) -> None:
    await offers(core)
    async with browser(core) as client:
        await sign_in(client, core, "bravo")
        await client.see(PATH, 404)
        assert "open code" not in await client.see("/app/")


async def test_the_command(core: Core) -> None:
    made = await offers(core)
    loop = asyncio.get_running_loop()

    class Here(Program):
        """The command works on the core of the test, in its loop."""

        def run(self, work: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(work(core), loop).result()

    async def run(*arguments: str) -> Any:
        return await asyncio.to_thread(
            CliRunner().invoke, discounts, arguments, obj=Here(), standalone_mode=False
        )

    done = await run("alpha", "--limit", "2")
    assert done.exception is None
    assert "day    2026-06-15  set aside      30.00" in done.output
    assert "970.00 left of 1,000.00" in done.output and "no limit" in done.output
    assert "Codes: 3 reserved, 0 sent, 0 used" in done.output
    assert made[2]["code"] in done.output and made[0]["code"] not in done.output
    assert isinstance((await run("bravo")).exception, NotFound)
    assert isinstance((await run("nobody")).exception, NotFound)
