import re

import pytest
from msgspec import structs

from kernel.contracts.base import canonical, new_id
from kernel.contracts.decisions import Action, Change
from kernel.pipeline import campaigns, explorer, why
from kernel.profiles import repo
from kernel.tenancy.core import Core
from tests.admin_ui.browser import HOSTILE, Browser

COST = """INSERT INTO pipeline_advice (tenant_id, id, campaign_id, plugin, answer, model, prompt_hash,
            fallback, tokens, cost_micros, shared, at)
          VALUES ($1, gen_random_uuid(), gen_random_uuid(), 'claude', '{}', $2, 'abc', $3, $4, $5, $6, $7)"""


ADVICE = """INSERT INTO pipeline_advice (tenant_id, id, campaign_id, plugin, answer, model, prompt_hash,
              fallback, tokens, cost_micros, shared, at)
            VALUES ($1, $2, $3, 'claude', $4, 'claude-a', 'abc', '', 900, 1200, 3, $5)"""
DECISION = """INSERT INTO pipeline_decision (tenant_id, id, customer_id, occasion, campaign_id, campaign_type,
                decided_at, send, policy, plugin, fallback, guardrails, record)
              SELECT tenant_id, $2, customer_id, 'winback:copied/1', campaign_id, campaign_type, decided_at, send,
                policy, plugin, fallback, ARRAY['max_percent'], $4
              FROM pipeline_decision WHERE tenant_id = $1 AND id = $3"""


async def test_the_funnel_obeys_the_law(shop: Core, client: Browser) -> None:
    page = await client.see("/app/decisions")
    assert "The places add up to all 12." in page
    assert HOSTILE not in page
    listed = {m[1] for m in re.finditer(r'href="/app/decisions/([0-9a-f-]{36})"', page)}
    assert len(listed) == 12
    # Each place leads to exactly the decisions that it counts.
    counted = 0
    for place in re.findall(r'outcome=(\w+)"', page):
        found = await client.see(f"/app/decisions?outcome={place}")
        counted += len(set(re.findall(r'href="/app/decisions/([0-9a-f-]{36})"', found)))
    assert counted == 12


async def test_filters(shop: Core, client: Browser) -> None:
    assert "add up to all 12" in await client.see("/app/decisions?type=winback&decider=rules")
    assert "No decision meets" in await client.see("/app/decisions?type=welcome")
    assert "No decision meets" in await client.see("/app/decisions?until=2026-01-01")
    assert "add up to all 12" in await client.see(
        "/app/decisions?since=2026-06-15&until=2026-06-15"
    )
    page = await client.see(f"/app/decisions?guardrail={HOSTILE}")
    assert HOSTILE not in page
    for wrong in ("outcome=odd", "since=tomorrow", "campaign=none"):
        await client.see(f"/app/decisions?{wrong}", 400)
    async with shop.tenant_scope("alpha") as ctx:
        [campaign] = await campaigns.page(ctx)
    assert "add up to all 12" in await client.see(f"/app/decisions?campaign={campaign.id}")


async def test_pages_of_decisions(
    shop: Core, client: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("admin_ui.pages.decisions.PAGE", 5)
    seen: list[str] = []
    path = "/app/decisions"
    while path:
        page = await client.see(path)
        seen += dict.fromkeys(re.findall(r'href="/app/decisions/([0-9a-f-]{36})"', page))
        path = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    assert len(seen) == len(set(seen)) == 12


async def test_the_story_and_its_replay(shop: Core, client: Browser) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        everyone = (await repo.customers_page(ctx)).customers
        stories = await why.why(ctx, everyone[-1].id)
    record = stories[0].record
    page = await client.see(f"/app/decisions/{record.id}")
    assert "The story" in page
    assert HOSTILE not in page
    for word in (record.decision.policy, "What was possible", "What it rested on"):
        assert word in page
    assert "byte for byte" not in page
    page = await client.see(f"/app/decisions/{record.id}?replay=true")
    assert "the same, byte for byte" in page
    page = await client.see(f"/app/customers/{record.customer_id}")
    assert f'href="/app/decisions/{record.id}"' in page


async def test_what_others_wrote_is_shown_and_never_run(shop: Core, client: Browser) -> None:
    """An answer of a model and the words of a guardrail are hostile until they are escaped."""
    async with shop.tenant_scope("alpha") as ctx:
        [campaign] = await campaigns.page(ctx)
        [row, *_] = await explorer.page(ctx, explorer.Filters())
        old = (await why.story(ctx, row.id)).record
        advice, new = new_id(ctx.now), new_id(ctx.now)
        await ctx.db.execute(
            ADVICE, "alpha", advice, campaign.id, f'{{"why": "{HOSTILE[:8]}"}}', ctx.now
        )
        change = Change(
            plugin="discounts",
            guardrail="max_percent",
            asked=Action(send=True, tone="friendly", offer="percent/90"),
            allowed=Action(send=True, tone="friendly", offer="percent/10"),
            reason=HOSTILE,
            breach=True,
        )
        record = structs.replace(
            old, id=new, occasion="winback:copied/1", advice=(advice,), changes=(change,)
        )
        await ctx.db.execute(DECISION, "alpha", new, row.id, canonical(record))
    page = await client.see(f"/app/decisions/{new}")
    assert HOSTILE not in page and HOSTILE[:8] not in page.partition("<main")[2]
    assert page.count("&lt;script&gt;") >= 2
    assert "What claude answered" in page
    assert "offer 90\N{NO-BREAK SPACE}%" in page and "offer 10\N{NO-BREAK SPACE}%" in page
    assert "breach" in page


async def test_cost_and_tokens_a_day(core: Core, client: Browser, bravo: Browser) -> None:
    assert "Nothing was asked" in await client.see("/app/decisions/cost")
    async with core.tenant_scope("alpha") as ctx:
        for model, fallback, tokens, cost, shared in (
            ("claude-a", "", 1200, 25_000, 40),
            ("claude-a", "", 800, 15_000, 10),
            ("claude-b", HOSTILE, 0, 0, 5),
        ):
            await ctx.db.execute(
                COST, ctx.tenant.id, model, fallback, tokens, cost, shared, ctx.now
            )
    page = await client.see("/app/decisions/cost")
    assert "$0.04" in page
    assert "2,000" in page
    assert "claude-a" in page
    assert HOSTILE not in page
    assert "claude-a" not in await bravo.see("/app/decisions/cost")
    await client.see("/app/decisions/cost?days=8", 400)


async def test_nothing_of_another_tenant(shop: Core, bravo: Browser) -> None:
    assert "No decisions yet" in await bravo.see("/app/decisions")
    async with shop.tenant_scope("alpha") as ctx:
        everyone = (await repo.customers_page(ctx)).customers
        decision = (await why.why(ctx, everyone[-1].id))[0].record.id
    await bravo.see(f"/app/decisions/{decision}", 404)
    await bravo.see(f"/app/decisions/{decision}?replay=true", 404)
