"""The page and the panel, through the real application; hostile text stays text."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import msgspec

from kernel.tenancy.core import Core
from kernel.testing.clock import TurnedClock
from tests import chromium
from tests.admin_ui.browser import Browser, browser, sign_in
from tests.plugins.sendgrid.posting import event, folded, post, sent, set_key

PATH = "/app/x/sendgrid/events"
EVIL = "550 <script>alert(1)</script>"


async def told(core: Core, clock: TurnedClock, strays: int = 30) -> str:
    """Events of one mail, and of none; the path of the mail's page."""
    await set_key(core)
    [message] = await sent(core)
    async with core.tenant_scope("alpha") as ctx:
        name, words = next(iter(core.board.campaign_types["welcome"].value.copies.items()))
        await ctx.db.execute(
            "INSERT INTO pipeline_variant (tenant_id, campaign_id, variant, copy, original) "
            "VALUES ('alpha', $1, $2, $3, $3)",
            message.campaign_id,
            name,
            msgspec.json.encode(words).decode(),
        )
    ours = {"email": message.recipient.email, "ae_message": str(message.id)}
    at = clock.now()
    await post(
        core,
        [
            event("processed", "p", at=at, **ours),
            event("deferred", "q", at=at + timedelta(minutes=2), response="421 try again", **ours),
            event("bounce", "r", at=at + timedelta(minutes=9), type="blocked", reason=EVIL, **ours),
            event("open", "s", at=at + timedelta(minutes=9), sg_machine_open=True, **ours),
            *(event("open", f"n{i}", at=at, email="test@example.net") for i in range(strays)),
            event(
                "bounce", "o", ae_tenant="bravo", type="bounce", reason=EVIL, email="o@example.net"
            ),
        ],
    )
    await post(core, b"[")
    for _ in range(5):
        await folded(core)
        clock.turn(minutes=25)
    return f"/app/messages/{message.id}"


async def test_before_anything_came(core: Core, client: Browser) -> None:
    text = await client.see(PATH)
    assert "No verification key is set" in text and "No event has come yet" in text
    assert "http://mail.test/t/alpha/sendgrid/events" in text
    await set_key(core, "nonsense")
    assert "cannot be read" in await client.see(PATH)
    await set_key(core)
    assert 'role="alert"' not in (await client.see(PATH)).partition("<main")[2]


async def test_what_came_and_what_is_of_nobody(
    core: Core, clock: TurnedClock, client: Browser
) -> None:
    mail = await told(core, clock)
    page = await client.see(PATH)
    assert "32 belong to no mail" in page and "0 wait to be placed" in page
    assert "names what is not this shop" in page and "Could not be read" in page
    assert "<script>alert" not in page
    after = page.partition('rel="next" href="')[2].partition('"')[0].replace("&amp;", "&")
    both = page + await client.see(after)
    assert both.count("test@example.net") == 30
    await client.see(f"{PATH}?after=x", 400)
    message = await client.see(mail)
    order = ["SendGrid took it", "Put off by", "Refused this time", "Opened by a program"]
    places = [message.index(words) for words in order]
    assert places == sorted(places)
    assert "421 try again" in message and "<script>alert" not in message


async def test_bravo_sees_nothing_of_it(core: Core, clock: TurnedClock) -> None:
    mail = await told(core, clock, strays=1)
    async with browser(core) as other:
        await sign_in(other, core, "bravo")
        for path in (PATH, mail):
            assert "test@example.net" not in await other.see(path, 404), path
    async with core.tenant_scope("bravo") as ctx:
        assert await ctx.db.fetchval("SELECT count(*) FROM sendgrid_event") == 0


class TestInABrowser:
    pytestmark = chromium.MARKS

    async def test_pages_fit_and_nothing_goes_wrong(
        self, core: Core, clock: TurnedClock, tmp_path: Path
    ) -> None:
        mail = await told(core, clock)
        async with chromium.served(core, tmp_path) as site:
            shots = Path(__file__).parent / "screenshots"
            trouble = await chromium.look_at_all(site, {"events": PATH, "message": mail}, shots)
        assert not trouble, "\n".join(trouble)
