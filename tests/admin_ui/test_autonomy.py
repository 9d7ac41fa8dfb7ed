import re
from uuid import UUID

from kernel.pipeline import autonomy, campaigns
from kernel.tenancy.core import Core
from tests.admin_ui.browser import HOSTILE, Browser
from tests.admin_ui.past import judged


async def levels(core: Core, tenant: str = "alpha") -> dict[str, str]:
    async with core.tenant_scope(tenant) as ctx:
        return {one.campaign_type: one.standing.effective for one in await autonomy.state(ctx)}


async def confident(core: Core) -> UUID:
    """Makes the campaign that waits one that the engine is sure of."""
    async with core.tenant_scope("alpha") as ctx:
        await judged(ctx, 14, rejects=2)
        [waiting] = await campaigns.page(ctx, "waiting")
        await ctx.db.execute(
            "UPDATE pipeline_campaign SET confidence = 0.95 WHERE tenant_id = $1 AND id = $2",
            "alpha",
            waiting.id,
        )
    return waiting.id


async def test_levels_explain_themselves(shop: Core, client: Browser, bravo: Browser) -> None:
    page = await client.see("/app/autonomy")
    for word in (
        "Every campaign waits for you",
        "10 approved campaigns missing",
        "Nothing was changed yet",
    ):
        assert word in page
    assert "There is not enough history yet" in page
    page = await client.submit(
        "/app/autonomy/level", type="winback", level="one_click", reason=HOSTILE
    )
    assert "One click is chosen for this type." in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    assert (await levels(shop))["winback"] == "one_click"
    assert "one_click" not in (await levels(shop, "bravo")).values()
    assert "Nothing was changed yet" in await bravo.see("/app/autonomy")


async def test_automatic_cannot_be_chosen_before_it_is_earned(shop: Core, client: Browser) -> None:
    page = await client.see("/app/autonomy")
    assert re.search(r'value="automatic"[^>]* disabled', page)
    page = await client.submit("/app/autonomy/level", type="", level="automatic")
    assert "Automatic must be earned" in page
    assert "automatic" not in (await levels(shop)).values()
    assert "is no level" in await client.submit("/app/autonomy/level", type="", level="god")
    await client.submit("/app/autonomy/level", 404, type="none_such", level="manual")
    async with shop.tenant_scope("alpha") as ctx:
        await judged(ctx, 12)
    page = await client.see("/app/autonomy")
    of_all, _, of_types = page.partition('id="types"')
    assert not re.search(r'value="automatic"[^>]* disabled', of_all)
    assert "Automatic is earned" in of_all
    assert re.search(r'value="automatic"[^>]* disabled', of_types)  # of a type that earned nothing
    page = await client.submit(
        "/app/autonomy/level", type="", level="automatic", reason="They are good"
    )
    assert "Automatic is chosen for all types." in page
    assert "They are good" in page


async def test_threshold_and_what_would_have_passed(shop: Core, client: Browser) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        await judged(ctx, 14, rejects=4)
    page = await client.see("/app/autonomy")
    assert "of your last 14 campaigns would have passed" in page
    assert "What it said, and what you did" in page
    assert "right in" in page
    page = await client.submit("/app/autonomy/threshold", type="winback", threshold="90")
    assert "The threshold is 90% now." in page
    for wrong in ("20", "many", "-3", "101"):
        page = await client.submit("/app/autonomy/threshold", type="winback", threshold=wrong)
        assert 'role="alert"' in page
    page = await client.submit(
        "/app/autonomy/threshold", type="winback", threshold="95", inherit="yes"
    )
    assert "The threshold is that of all types." in page
    assert "At least 3" in await client.submit("/app/autonomy/needed", needed="1")
    assert "is no number" in await client.submit("/app/autonomy/needed", needed=HOSTILE)
    assert "takes 12 approved" in await client.submit("/app/autonomy/needed", needed="12")
    async with shop.tenant_scope("alpha") as ctx:
        changes = await autonomy.changes(ctx)
    assert {"threshold", "needed"} <= {one.what for one in changes}
    assert {one.actor for one in changes} == {"Mia"}


async def test_undo_within_a_minute(shop: Core, client: Browser) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        [waiting] = await campaigns.page(ctx, "waiting")
    for act, form in (("approve", {}), ("reject", {"preset": "The wrong moment"})):
        await client.see("/app/approvals")
        page = await client.submit(f"/app/approvals/{waiting.id}/{act}", **form)
        assert 'data-left="60">60</span>' in page
        page = await client.submit("/app/approvals/undo", campaign=str(waiting.id))
        assert "Taken back." in page
        async with shop.tenant_scope("alpha") as ctx:
            found = await campaigns.get(ctx, waiting.id)
        assert found.status == "waiting"
        assert found.law == waiting.law
    await client.submit("/app/approvals/undo", 400, campaign="x")


async def test_no_undo_for_others_or_later(
    shop: Core, client: Browser, bravo: Browser, clock: object
) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        [waiting] = await campaigns.page(ctx, "waiting")
    await client.see("/app/approvals")
    await client.submit(f"/app/approvals/{waiting.id}/approve")
    assert "data-left" not in await bravo.see("/app/approvals")
    await bravo.submit("/app/approvals/undo", 404, campaign=str(waiting.id))
    clock.turn(seconds=61)  # type: ignore[attr-defined]
    assert "data-left" not in await client.see("/app/approvals")


async def test_all_confident_by_one_click(shop: Core, client: Browser) -> None:
    waiting = await confident(shop)
    page = await client.see("/app/approvals")
    assert "Approve the confident one" not in page  # the level is manual
    page = await client.submit("/app/approvals/confident")
    assert "None of them can be approved by one click." in page
    await client.submit("/app/autonomy/level", type="", level="one_click")
    page = await client.see("/app/approvals")
    assert "Approve the confident one" in page
    assert 'class="trust is-ready"' in page
    page = await client.submit("/app/approvals/confident")
    assert "All caught up" in page
    async with shop.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, waiting)).status == "sending"
    assert "Taken back." in await client.submit("/app/approvals/undo", campaign=str(waiting))
