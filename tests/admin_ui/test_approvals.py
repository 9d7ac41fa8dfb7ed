from uuid import UUID

import pytest
import pytest_asyncio

from kernel.pipeline import approvals, campaigns, variants
from kernel.tenancy.core import Core
from tests.admin_ui.browser import HOSTILE, Browser


@pytest_asyncio.fixture
async def waiting(shop: Core) -> UUID:
    async with shop.tenant_scope("alpha") as ctx:
        [campaign] = await campaigns.page(ctx, "waiting")
    return campaign.id


async def test_the_page_shows_what_to_decide(shop: Core, client: Browser, waiting: UUID) -> None:
    page = await client.see("/app/approvals")
    assert 'title="1 waiting">1</span>' in page
    assert f'action="/app/approvals/{waiting}/approve"' in page
    assert page.count(">Full why<") >= 5
    assert "What they would read" in page
    assert "/mail" in page
    assert HOSTILE not in page
    assert await client.see(f"/app/approvals/{waiting}?variant=none-such")
    async with shop.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, waiting)).status == "waiting"


async def test_approve_and_then_nothing_waits(shop: Core, client: Browser, waiting: UUID) -> None:
    await client.see("/app/approvals")
    page = await client.submit(f"/app/approvals/{waiting}/approve")
    assert "Approved: <b>" in page
    assert "All caught up" in page
    page = await client.see(f"/app/approvals/{waiting}")  # it waits no longer: its own page
    assert "Going out" in page
    page = await client.submit(f"/app/approvals/{waiting}/approve")
    assert "cannot be changed by" in page
    async with shop.tenant_scope("alpha") as ctx:
        assert [act.action for act in await approvals.history(ctx, waiting)] == ["approve"]


@pytest.mark.parametrize("form", [{"preset": "The wrong customers"}, {"reason": HOSTILE}])
async def test_reject_with_a_reason(
    shop: Core, client: Browser, waiting: UUID, form: dict[str, str]
) -> None:
    await client.see("/app/approvals")
    page = await client.submit(f"/app/approvals/{waiting}/reject", 422, reason="  ")
    assert 'id="reason-wrong">A rejection needs a reason.' in page
    page = await client.submit(f"/app/approvals/{waiting}/reject", **form)
    assert "Rejected: <b>" in page
    assert HOSTILE not in page
    async with shop.tenant_scope("alpha") as ctx:
        found = await campaigns.get(ctx, waiting)
        assert (found.status, found.reason) == ("rejected", next(iter(form.values())))


async def test_edit_comes_back_to_where_it_began(
    shop: Core, client: Browser, waiting: UUID
) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        name = (await variants.listing(ctx, waiting))[0].name
    path = f"/app/campaigns/{waiting}/copy/{name}?then=approvals"
    assert f'href="/app/approvals/{waiting}?variant={name}"' in await client.see(path)
    page = await client.submit(
        path, subject="New words", body="Hello {{ first_name }}", link="{{ shop_url }}"
    )
    assert f"The words of “{name}” are saved." in page
    assert "New words" in page
    assert "<h1>Approvals</h1>" in page
    assert "Put these words back" in await client.see(path)
    back = f"/app/campaigns/{waiting}/copy/{name}/restore?then=approvals"
    assert "The words of version 1 are back." in await client.submit(back, version="1")
    await client.submit(back, 404, version="99")
    await client.submit(back, 400, version="first")


async def test_nothing_of_another_tenant(shop: Core, bravo: Browser, waiting: UUID) -> None:
    page = await bravo.see("/app/approvals")
    assert "All caught up" in page
    assert "waiting</span>" not in page
    await bravo.see(f"/app/approvals/{waiting}", 404)
    await bravo.submit(f"/app/approvals/{waiting}/approve", 404)
    await bravo.submit(f"/app/approvals/{waiting}/reject", 404, reason="no")
    async with shop.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, waiting)).status == "waiting"


async def test_nothing_without_the_field_against_forgery(
    shop: Core, client: Browser, waiting: UUID
) -> None:
    await client.see("/app/approvals")
    client.csrf = "forged"
    await client.submit(f"/app/approvals/{waiting}/approve", 403)
    await client.submit(f"/app/approvals/{waiting}/reject", 403, reason="no")
    async with shop.tenant_scope("alpha") as ctx:
        assert (await campaigns.get(ctx, waiting)).status == "waiting"
        assert await approvals.history(ctx, waiting) == []
