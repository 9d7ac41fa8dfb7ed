"""Product names and prices in the words, held against the catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl
import pytest

from kernel.pipeline import approvals, messages, previews, run, variants
from kernel.sdk import PRODUCTS, Conflict, merge_products
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.compliance.mail import judge
from plugins.compliance.plugin import compliance_rules, mail_findings
from tests.plugins.compliance.mails import mail

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

CATALOGUE: tuple[dict[str, Any], ...] = (
    {"sku": "A1", "title": "Alder Shirt", "price": "49.00", "inventory": 3},
    {"sku": "A2", "title": "Alder Shirt", "price": "55.00", "inventory": 0},
    {"sku": "B1", "title": "Birch Coat – Größe L", "price": "189.00", "inventory": 0},
    {"sku": "C1", "title": "Cedar Bowl", "price": "20.00", "status": "archived"},
    {"sku": "D1", "title": "Good Morning", "price": "9.50", "inventory": 0},
    {"sku": "E1", "title": "Classic", "price": "12.00", "inventory": 0},
    {"sku": "F1", "title": "Alder Shirt Kids", "price": "29.00", "inventory": 5},
    {"sku": "G1", "title": "Elm Tray", "price": "1299.00"},
)

# (body, rule and a word of its sentence; empty for none)
TABLE = [
    ("The Alder Shirt is back, for 49 €.", "", ""),
    ("Das Alder Shirt gibt es ab 49,00 EUR, in groß für 55 €.", "", ""),
    ("L'Alder Shirt à 49 €, l'Alder Shirt Kids à 29 €.", "", ""),
    ("The Elm Tray for €1,299.", "", ""),
    ("Le Elm Tray pour 1 299 €.", "", ""),
    ("“Alder Shirt” is back in stock.", "", ""),
    ("Neu: das „Alder Shirt“ in Grün.", "", ""),
    ("Le « Alder Shirt » est de retour.", "", ""),
    ("Good morning! The kettle is on.", "", ""),
    ("A classic, as our grandmothers wore it.", "", ""),
    ("Classic and quiet: that is what we like.", "", ""),
    ("“The best shirt I ever bought”, says Anna from Köln.", "", ""),
    ("Anna writes: “Lovely Shirt”.", "", ""),
    ("Unser Motto: „Weniger Ist Mehr“.", "", ""),
    ("Read our new guide “How Wool Is Spun”.", "", ""),
    ("Lisez notre nouvel article « Le Lin ».", "", ""),
    ("Order with the words “thank you”.", "", ""),
    ("They call it “slow fashion”, and our coats are.", "", ""),
    ("See our new “Autumn Colours” collection.", "", ""),
    ("Look at what came in.", "", ""),
    ("The Alder Shirt for 39 €.", "price", "49.00 or 55.00 EUR"),
    ("Das Alder Shirt für nur 39,00 €.", "price", "Alder Shirt"),
    ("L'Alder Shirt Kids à 49 €.", "price", "29.00 EUR"),
    ("The Alder Shirt for $49.", "price", "Alder Shirt"),
    ("The Elm Tray for €129.", "price", "1299.00"),
    ("The ALDER SHIRT: 45 euros.", "price", "Alder Shirt"),
    ("The Al<b>der</b> Sh\u200birt for 39 €.", "price", "Alder Shirt"),
    ("The Cedar Bowl is what you need.", "product", "withdrawn"),
    ("Endlich: Birch Coat - Größe L.", "product", "sold out"),
    ("Our “Classic” in blue.", "product", "sold out"),
    ("“Good Morning” is our new tea.", "product", "sold out"),
    ("Our Good Morning wakes everybody.", "product", "sold out"),
    ("Our new “Maple Shirt” is here.", "product", "no product"),
    ("Neu bei uns: „Ahorn Hemd“.", "product", "no product"),
    ("Commandez « Chemise Érable » dès maintenant.", "product", "no product"),
    ("“Alder Shrit” is back.", "product", "no product"),
    ("The Maple Shirt for 49 €.", "claims", "49 €"),
]  # fmt: skip


async def add_products(ctx: Context, rows: tuple[dict[str, Any], ...] = CATALOGUE) -> None:
    frame = pl.DataFrame(
        [{"currency": "EUR", "status": "active", "inventory": None, **row} for row in rows],
        infer_schema_length=None,
    ).with_columns(pl.col("price").cast(PRODUCTS["price"][0]), pl.col("inventory").cast(pl.Int32))
    await merge_products(ctx, frame)


async def test_the_table(alpha: TenantScope) -> None:
    """UWG (DE) s. 5, UCPD Art. 6(1)(d), Annex I no. 5 and 6: nothing is offered that is not there at that price."""
    await add_products(alpha)
    [message] = await add_messages(alpha, await add_campaign(alpha), await add_customers(alpha))
    made = [mail(alpha, message, body=body) for body, _, _ in TABLE]
    told = await mail_findings(alpha, made)
    wrong = []
    for (body, rule, word), findings in zip(TABLE, told, strict=True):
        rules = {one.rule for one in findings.found}
        said = " ".join(one.sentence for one in findings.found)
        blocks = {one.rule for one in findings.found if one.severity == "block"}
        if rules != ({rule} - {""}) or word not in said or blocks != ({"price"} & rules):
            wrong.append((body, findings.found))
    assert len(TABLE) >= 37 and not wrong


async def test_a_wrong_price_is_held_at_hand_over_and_a_right_one_goes(alpha: TenantScope) -> None:
    await add_products(alpha)
    batch = await add_messages(alpha, await add_campaign(alpha), await add_customers(alpha, 3))
    bodies = ("The Alder Shirt for 49 €.", "The Alder Shirt for 39 €.", "Only 39 €.")
    made = [mail(alpha, one, body=body) for one, body in zip(batch, bodies, strict=True)]
    right, wrong, nothing = await compliance_rules(alpha, "handover", made)
    assert (right.outcome, wrong.rule, nothing.rule) == ("allowed", *["compliance.claims"] * 2)
    assert "the catalogue says 49.00 or 55.00 EUR" in wrong.reason
    assert "catalogue" not in nothing.reason and "no slot" in nothing.reason
    assert judge(alpha, made[0]).rule == "compliance.claims", "nobody looked it up"


async def test_a_shop_without_products_is_told_nothing_of_names(alpha: TenantScope) -> None:
    [message] = await add_messages(alpha, await add_campaign(alpha), await add_customers(alpha))
    made = mail(alpha, message, body="Our new “Maple Shirt” is here.")
    [told] = await mail_findings(alpha, [made])
    assert told.found == ()
    await add_products(alpha, ({"sku": "X", "title": "Elm Tray", "price": "5.00", "inventory": 1},))
    [told] = await mail_findings(alpha, [made])
    assert [one.rule for one in told.found] == ["product"]


async def test_a_wrong_price_stops_the_approval(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await add_products(ctx)
        await add_customers(ctx, 3, created_at=ctx.now)
    [campaign_id, *_] = await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    async with core.tenant_scope("alpha", actor="merchant") as ctx:
        [first, *_] = await messages.page(ctx, campaign_id, ["planned"])
        copy = (await variants.copies(ctx, campaign_id))[first.variant]
        wrong = msgspec.structs.replace(copy, body="Look: the Alder Shirt for 39 €, made for you.")
        await approvals.edit(ctx, campaign_id, first.variant, wrong)
        with pytest.raises(Conflict, match=r"Alder Shirt” at 39 €; the catalogue says 49\.00"):
            await approvals.approve(ctx, campaign_id)
        sold_out = msgspec.structs.replace(
            copy, body="Look: the Birch Coat – Größe L, made for you."
        )
        await approvals.edit(ctx, campaign_id, first.variant, sold_out)
        found = (await previews.check(ctx, campaign_id, [first.variant]))[0].findings
        assert [one.sentence for one in found if one.rule == "product"] == [
            "The mail names “Birch Coat – Größe L”, which is sold out."
        ]
        await approvals.approve(ctx, campaign_id)


async def test_the_catalogue_is_the_tenants(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        await add_products(ctx)
        [message] = await add_messages(ctx, await add_campaign(ctx), await add_customers(ctx))
        made = mail(ctx, message, body="The Cedar Bowl, and our new “Maple Shirt”.")
        assert len((await mail_findings(ctx, [made]))[0].found) == 2
    async with core.tenant_scope("bravo") as ctx:
        assert (await mail_findings(ctx, [made]))[0].found == ()
