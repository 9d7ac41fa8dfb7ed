"""The page and the panel, through the real application and its session."""

from __future__ import annotations

from kernel.sdk import Context, find_customer
from kernel.tenancy.core import Core
from tests.admin_ui.browser import HOSTILE, Browser, browser, sign_in
from tests.plugins.churn.shop import rows
from tests.plugins.churn.stored import shop

PAGE = "/app/x/churn/"


async def named(ctx: Context, name: str) -> int:
    """The id of a customer, now with a hostile name, at risk and with the most at stake."""
    who = await find_customer(ctx, name)
    assert who is not None
    await ctx.db.execute(
        "UPDATE profiles_customer SET first_name = $3 WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        who,
        HOSTILE,
    )
    await ctx.db.execute(
        "UPDATE profiles_trait SET value = CASE name WHEN 'churn.probability' THEN '0.8'::jsonb "
        "ELSE '5000'::jsonb END WHERE tenant_id = $1 AND customer_id = $2 "
        "AND name IN ('churn.probability', 'churn.expected_value')",
        ctx.tenant.id,
        who,
    )
    return who


async def test_who_is_at_risk(core: Core, client: Browser) -> None:
    await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        who = await named(ctx, "c5")
    text = await client.see(PAGE)
    assert "looks 30 days ahead" in text and "No order in 30 days" in text
    table = text.partition("<tbody>")[2].partition("</tbody>")[0]
    assert f'href="/app/customers/{who}"' in table.partition("</tr>")[0]
    assert "€20,000" in table and "80 %" in table and " days ago" in table
    assert "<script>alert" not in text and "&lt;script&gt;" in table
    assert table.count("<tr>") == 25
    for chart in ("Customers by their chance of no order", "Customers expected to order next", "Are its probabilities true?"):  # fmt: skip
        assert chart in text
    assert "BG/NBD learns without one" in text and "In use since" in text and " came." in text
    more = await client.see(f"{PAGE}?start=25")
    second = more.partition("<tbody>")[2].partition("</tbody>")[0]
    assert second and f'/app/customers/{who}"' not in second
    lost = await client.see(f"{PAGE}?show=lost")
    assert f'/app/customers/{who}"' not in lost and "Lost: the most money at stake first" in lost
    assert "There are no more customers here" in await client.see(f"{PAGE}?show=lost&start=5000")
    assert "At risk: the most" in await client.see(f"{PAGE}?show=%3Cscript%3E&start=-9")
    await client.see(f"{PAGE}?start=x", 400)


async def test_a_customer(core: Core, client: Browser) -> None:
    await shop(core)
    async with core.tenant_scope("alpha") as ctx:
        who = await named(ctx, "c5")
    text = await client.see(f"/app/customers/{who}")
    panel = text.partition('aria-label="Do they order again?"')[2].partition("</section>")[0]
    assert "No order in 30 days" in panel and "80 %" in panel and "At risk" in panel
    assert "€5,000 in 30 days" in panel and "Next order" in panel and " days ago" in panel
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("DELETE FROM profiles_trait WHERE tenant_id = $1", ctx.tenant.id)
    assert "Do they order again?" not in await client.see(f"/app/customers/{who}")


async def test_before_anything_is_learned(client: Browser) -> None:
    text = await client.see(PAGE)
    assert "Nothing is known yet" in text and "It has not been trained yet" in text


async def test_what_is_missing_is_said(core: Core, client: Browser) -> None:
    await shop(core, rows(*[(n, 10 * m + n, 20.0) for n in range(3) for m in range(9)]))
    text = await client.see(PAGE)
    assert "It needs 20 customers who ordered before 2026-06-15; there are 3." in text


async def test_bravo_sees_nothing(core: Core) -> None:
    await shop(core)
    async with browser(core) as client:
        await sign_in(client, core, "alpha")
        assert "<table" in await client.see(PAGE)
        await sign_in(client, core, "bravo")
        assert "<table" not in await client.see(PAGE, 404)
