from uuid import UUID

import pytest
import pytest_asyncio

from kernel.pipeline import approvals, campaigns, messages, variants
from kernel.pipeline.campaigns import CampaignView
from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from tests.admin_ui.browser import HOSTILE, Browser, sign_in


@pytest_asyncio.fixture
async def waiting(shop: Core) -> UUID:
    async with shop.tenant_scope("alpha") as ctx:
        [campaign] = await campaigns.page(ctx, "waiting")
    return campaign.id


async def now(core: Core, campaign_id: UUID) -> CampaignView:
    async with core.tenant_scope("alpha") as ctx:
        return await campaigns.get(ctx, campaign_id)


async def test_approve(shop: Core, client: Browser, waiting: UUID) -> None:
    page = await client.see(f"/app/campaigns/{waiting}")
    assert "Approve and send" in page
    assert "The nine numbers add up to the audience." in page
    page = await client.submit(f"/app/campaigns/{waiting}/approve")
    assert "Approved. Messages go out" in page
    assert "Approve and send" not in page
    campaign = await now(shop, waiting)
    assert (campaign.status, campaign.approved_by) == ("sending", "Mia")
    # Pressed twice, in two windows: said, not done twice.
    page = await client.submit(f"/app/campaigns/{waiting}/approve")
    assert "cannot be changed by" in page
    async with shop.tenant_scope("alpha") as ctx:
        assert [act.action for act in await approvals.history(ctx, waiting)] == ["approve"]


async def test_approve_for_later_in_the_shop_s_time(
    shop: Core, client: Browser, waiting: UUID, clock: TurnedClock
) -> None:
    await client.submit(f"/app/campaigns/{waiting}/approve", send_at="2026-06-16T09:30")
    campaign = await now(shop, waiting)
    assert campaign.send_at is not None
    assert campaign.send_at.isoformat() == "2026-06-16T07:30:00+00:00"  # Berlin in summer
    page = await client.submit(f"/app/campaigns/{waiting}/schedule", send_at="2026-06-17T09:30")
    assert "Scheduled for 17 Jun 2026, 09:30." in page


@pytest.mark.parametrize(
    ("act", "form", "said"),
    [
        ("reject", {"reason": "  "}, "A rejection needs a reason."),
        ("approve", {"send_at": "2020-01-01T10:00"}, "The time to send lies in the past"),
        ("approve", {"send_at": "soon"}, "is no date and time"),
    ],
)
async def test_a_wrong_form_says_so_beside_the_field(
    shop: Core, client: Browser, waiting: UUID, act: str, form: dict[str, str], said: str
) -> None:
    page = await client.submit(f"/app/campaigns/{waiting}/{act}", 422, **form)
    assert f'id="{act}-wrong">{said}' in page or f'id="{act}-wrong">“soon” {said}' in page
    assert f'<details class="reveal" id="{act}" open>' in page
    assert (await now(shop, waiting)).status == "waiting"


async def test_reject_pause_resume_cancel(shop: Core, client: Browser, waiting: UUID) -> None:
    path = f"/app/campaigns/{waiting}"
    await client.submit(f"{path}/approve")
    page = await client.submit(f"{path}/pause", reason=HOSTILE)
    assert "Paused. Nothing is lost" in page
    assert HOSTILE not in page
    assert "&lt;script&gt;" in page
    await client.submit(f"{path}/resume")
    assert (await now(shop, waiting)).status == "sending"
    page = await client.submit(f"{path}/cancel", reason="Wrong season")
    assert "Cancelled for good" in page
    campaign = await now(shop, waiting)
    assert campaign.status == "cancelled"
    assert campaign.law.waiting == 0
    assert campaign.law.holds
    assert "cannot be changed" in await client.submit(f"{path}/reject", reason="no")


async def test_reject_keeps_the_reason(shop: Core, client: Browser, waiting: UUID) -> None:
    page = await client.submit(f"/app/campaigns/{waiting}/reject", reason="Too early")
    assert "“Too early”" in page
    assert (await now(shop, waiting)).status == "rejected"


async def test_unknown_acts_and_campaigns(shop: Core, client: Browser, waiting: UUID) -> None:
    await client.see(f"/app/campaigns/{waiting}")
    await client.submit(f"/app/campaigns/{waiting}/explode", 404)
    page = await client.submit("/app/campaigns/00000000-0000-7000-8000-000000000000/approve", 404)
    assert "There is no such campaign" in page
    await client.see("/app/campaigns/not-an-id", 404)
    assert "There is no status" in await client.see("/app/campaigns?status=odd", 400)
    await client.see("/app/customers/999999999999999999999999", 404)
    assert (await now(shop, waiting)).status == "waiting"
    async with shop.tenant_scope("alpha") as ctx:
        assert await approvals.history(ctx, waiting) == []


async def test_leave_customers_out(shop: Core, client: Browser, waiting: UUID) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        mails = await messages.page(ctx, waiting, ["planned", "deferred"])
    path = f"/app/campaigns/{waiting}"
    await client.see(f"{path}/messages")
    assert "Choose the customers" in await client.submit(f"{path}/exclude")
    chosen = [str(mail.customer_id) for mail in mails[:2]]
    page = await client.submit(f"{path}/exclude", customer=chosen, reason="Asked by phone")
    assert "2 left out." in page
    assert "Asked by phone" in page
    assert "0 left out. 1 had been handed over already." in await client.submit(
        f"{path}/exclude", customer=chosen[:1]
    )
    await client.submit(f"{path}/exclude", 400, customer="abc")


async def test_edit_the_words(shop: Core, client: Browser, waiting: UUID) -> None:
    path = f"/app/campaigns/{waiting}/copy/professional"
    words = {
        "subject": "Hello {{ first_name }}",
        "body": "One.\r\n\r\nTwo <b>.",
        "link": "{{ shop_url }}",
    }
    await client.see(path)
    page = await client.submit(path, **words)
    assert "The words of “professional” are saved." in page
    assert "Two &lt;b&gt;." in page
    async with shop.tenant_scope("alpha") as ctx:
        [edited] = [
            one for one in await variants.listing(ctx, waiting) if one.name == "professional"
        ]
    assert edited.copy.body == "One.\n\nTwo <b>."
    assert edited.edited_by == "Mia"
    assert "The original words" in await client.see(path)
    await client.see(f"/app/campaigns/{waiting}/copy/none", 404)


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        ("subject", "", "Must be text of at least 1 characters."),
        ("subject", "{{ secret }}", "Unknown slot {{ secret }}."),
        ("body", "{% include 'x' %}", "nothing else may stand in braces"),
        ("subject", "two\nlines", "One line only."),
        ("link", "javascript:alert(1)", "The link begins with https://"),
        ("subject", "x" * 151, "Must be text of at most 150 characters."),
    ],
)
async def test_wrong_words_are_told_beside_the_field(
    shop: Core, client: Browser, waiting: UUID, field: str, text: str, said: str
) -> None:
    path = f"/app/campaigns/{waiting}/copy/professional"
    good = {"subject": "Hello", "body": "Hello.", "link": "{{ shop_url }}"}
    page = await client.submit(path, 422, **{**good, field: text})
    assert f'id="f-{field}-error">' in page
    assert said in page.partition(f'id="f-{field}-error">')[2][:200]
    async with shop.tenant_scope("alpha") as ctx:
        assert not any(one.edited_at for one in await variants.listing(ctx, waiting))


async def test_without_the_token_nothing_happens(
    shop: Core, client: Browser, waiting: UUID
) -> None:
    client.csrf = "0" * 32
    page = await client.submit(f"/app/campaigns/{waiting}/approve", 403)
    assert "not given out in your session" in page
    assert (await now(shop, waiting)).status == "waiting"


async def test_the_mail_alone(shop: Core, client: Browser, waiting: UUID) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        mail = (await messages.page(ctx, waiting))[0]
    answer = await client.get(f"/app/messages/{mail.id}/mail")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("sandbox; default-src 'none'")
    assert "script" not in policy
    assert HOSTILE not in answer.text
    page = await client.see(f"/app/messages/{mail.id}")
    assert '<iframe class="mail-frame" id="mail-frame" title="The mail" sandbox ' in page


async def test_bravo_sees_nothing_of_it(shop: Core, bravo: Browser, waiting: UUID) -> None:
    async with shop.tenant_scope("alpha") as ctx:
        mail = (await messages.page(ctx, waiting))[0]
    for path in (
        f"/app/campaigns/{waiting}",
        f"/app/campaigns/{waiting}/messages",
        f"/app/campaigns/{waiting}/copy",
        f"/app/campaigns/{waiting}/copy/professional",
        f"/app/messages/{mail.id}",
        f"/app/messages/{mail.id}/mail",
        f"/app/customers/{mail.customer_id}",
        f"/app/decisions/{mail.decision_id}",
    ):
        await bravo.see(path, 404)
    await bravo.submit(f"/app/campaigns/{waiting}/approve", 404)
    await bravo.submit(f"/app/campaigns/{waiting}/copy/professional", 404, subject="x", body="y")
    assert (await now(shop, waiting)).status == "waiting"
    assert "No campaigns yet" in await bravo.see("/app/campaigns")
    assert "No customers yet" in await bravo.see("/app/customers")
    assert "Begin with your shop" in await bravo.see("/app/")


async def test_campaigns_are_paged(core: Core, client: Browser, clock: TurnedClock) -> None:
    from kernel.testing.messages import add_campaign

    for _ in range(23):
        clock.turn(days=1)
        async with core.tenant_scope("alpha") as ctx:
            await add_campaign(ctx)
    await sign_in(client, core, "alpha")
    page = await client.see("/app/campaigns")
    assert page.count('data-label="Status"') == 20
    following = page.partition('rel="next" href="')[2].partition('"')[0]
    assert (await client.see(following)).count('data-label="Status"') == 3
