"""The page of rules: the table in words with the shop's own thresholds, and what each rule did."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from kernel.contracts.base import canonical
from kernel.pipeline import run
from kernel.testing.seed import add_customers
from plugins.rules.manifest import RulesSettings
from plugins.rules.repo import counts
from plugins.rules.table import CONFIDENCE, offers, table
from tests.admin_ui.browser import Browser

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


def test_the_table_is_the_rules_in_words() -> None:
    rows = table(RulesSettings())
    assert sorted(row.rule for row in rows) == sorted(CONFIDENCE)
    assert all(row.active and row.when and row.then.endswith(".") for row in rows)
    assert rows[-1].when == "Everyone else"
    off = RulesSettings(
        ignored_mails=0, silent_days=0, returned_share=0, preference=(), rest_days=0, short_days=0,
        best_segments=(), loyal_orders=0, loyal_spent=0, new_days=0, usual_tone="plain",
    )  # fmt: skip
    active = [row.rule for row in table(off) if row.active]
    assert active == ["planned", "promising", "at_risk", "lost", "usual"]
    assert table(off)[-1].then == "Write in the tone professional."


def test_offers_in_words() -> None:
    told = dict(offers(RulesSettings()))
    assert told["The campaign is not winback or reengage"] == "No offer."
    assert "80% or more" in "".join(told) and "3 usual pauses" in "".join(told)
    assert offers(RulesSettings(offer_types=())) == [("Always", "No offer is made.")]
    one = dict(offers(RulesSettings(offer_overdue=0, urgent_overdue=0)))
    assert "Tone urgent." not in one.values()
    assert "The chance of no further order is 80% or more" in one


async def test_the_page_shows_thresholds_and_counts(core: Core, client: Browser) -> None:
    nothing = await client.see("/app/x/rules/")
    assert "Nothing was decided in the last 30 days." in nothing
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx, 3, created_at=ctx.now - timedelta(days=2))
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_plugin SET settings = $1 WHERE tenant_id = 'alpha' AND plugin = 'rules'",
            canonical({"new_days": 41, "best_segments": ["<b>Best</b>"]}).decode(),
        )
    await run.propose_due(core, "alpha")
    await run.advance(core, "alpha")
    page = await client.see("/app/x/rules/")
    assert "Known for no longer than 41 days" in page
    assert "&lt;b&gt;Best&lt;/b&gt;" in page and "<b>Best" not in page
    assert "Of 3 decisions in 30 days, 0 were made by others" in page
    async with core.tenant_scope("alpha") as ctx:
        found = await counts(ctx)
        assert (found.by_rule, found.others, found.cut) == ({"new": 3}, 0, False)
    async with core.tenant_scope("bravo") as ctx:
        assert (await counts(ctx)).all == 0
    assert 'href="/app/x/rules/"' in await client.see("/app")
