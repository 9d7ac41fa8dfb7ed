"""The page, its button and the panel, through the real application; hostile records stay text."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kernel.events.turn import Turn
from kernel.jobs.tasks import run_tasks
from plugins.deliverability import repo
from tests import chromium
from tests.admin_ui.browser import Browser, browser, sign_in
from tests.plugins.deliverability.conftest import SHOP
from tests.plugins.deliverability.mailings import mailed
from tests.plugins.deliverability.test_gate import by_mail, check
from tests.plugins.deliverability.test_health import trail, watch

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock
    from tests.plugins.deliverability.dns_server import NameServer

PATH = "/app/x/deliverability/"
EVIL = "v=spf1 <script>alert(1)</script> ~all"


async def broken(core: Core, names: NameServer) -> None:
    """A shop with something of everything: records wrong, a provider paused, one to be watched."""
    await by_mail(core)
    names.txt(SHOP, EVIL)
    names.txt(f"_dmarc.{SHOP}")
    names.put(f"s2._domainkey.{SHOP}", "CNAME")
    names.faults[SHOP + ".x"] = "servfail"
    for days in (1, 2, 3, 5):
        await mailed(core, "other", 60 + 10 * days, days_ago=days)
        await mailed(core, "gmail", 120, complaints=days, bounces=1, days_ago=days)
        await mailed(core, "yahoo", 40, bounces=1, days_ago=days)
    await watch(core)
    await check(core)


async def work(core: Core) -> None:
    """Do what was asked for."""
    assert not await run_tasks(core, "alpha", Turn(seconds=60), long=False)


async def test_before_anything_was_checked(names: NameServer, client: Browser) -> None:
    page = await client.see(PATH)
    assert "Nothing was checked yet" in page and "No mail was accepted in the last 30 days" in page
    assert not names.asked, "GET asks nobody"


async def test_the_button_checks_again_once_a_minute(
    core: Core, names: NameServer, client: Browser, clock: TurnedClock
) -> None:
    names.txt(f"_dmarc.{SHOP}")
    await client.see(PATH)
    page = await client.submit(f"{PATH}check")
    assert "Checking…" in page and 'data-live="2"' in page
    assert not names.asked, "no page waits for the DNS"
    await work(core)
    page = await client.see(PATH)
    assert "Checking…" not in page and "data-live" not in page and "No DMARC record" in page
    assert f">_dmarc.{SHOP}<" in page and "v=DMARC1; p=none; rua=mailto:" in page
    first = len(names.asked)
    names.txt(f"_dmarc.{SHOP}", "v=DMARC1; p=reject; rua=mailto:a@example.com")
    assert "less than a minute ago" in await client.submit(f"{PATH}check")
    assert len(names.asked) == first
    clock.turn(minutes=1)
    page = await client.submit(f"{PATH}check")
    assert "Checking…" in page and "What you see was checked" in page and "No DMARC record" in page
    await work(core)
    page = await client.see(PATH)
    assert "The policy is reject." in page and "Records to add or" not in page
    assert len(names.asked) > first


async def test_a_dns_that_is_silent_ends_the_checking_all_the_same(
    core: Core, names: NameServer, client: Browser
) -> None:
    names.faults[SHOP] = names.faults[f"_dmarc.{SHOP}"] = "silent"
    await client.see(PATH)
    await client.submit(f"{PATH}check")
    await work(core)
    page = await client.see(PATH)
    assert "Checking…" not in page and "The DNS did not answer" in page


async def test_what_is_wrong_stands_on_both_pages(
    core: Core, names: NameServer, client: Browser
) -> None:
    assert "Mail that may not arrive" not in await client.see("/app/")
    await broken(core, names)
    page = await client.see(PATH)
    assert "Nothing leaves until this is right" in page
    assert "Gmail: paused" in page and "called the mail spam" in page
    assert "<script>alert" not in page and "&lt;script&gt;" in page
    assert "Mails accepted, by day" in page and "Complaints, by day" in page
    home = await client.see("/app/")
    assert "Mail that may not arrive" in home and "No DMARC record" in home
    assert "<script>alert" not in home


async def test_a_person_lets_mail_go_on(core: Core, names: NameServer, client: Browser) -> None:
    await broken(core, names)
    await client.see(PATH)
    said = await client.submit(f"{PATH}lift", mailbox="gmail", reason=" ")
    assert "Say why" in said and "Gmail: paused" in said
    await client.submit(f"{PATH}lift", 400, mailbox="nobody", reason="x")
    said = await client.submit(f"{PATH}lift", mailbox="gmail", reason="The list was cleaned <b>.")
    assert "Gmail: paused" not in said and "by Mia" in said and "cleaned &lt;b&gt;" in said
    assert "was not paused" in await client.submit(f"{PATH}lift", mailbox="gmail", reason="again")
    assert await trail(core, "deliverability.lifted") == [("Mia", "gmail")]


async def test_bravo_has_no_such_page(core: Core, names: NameServer, client: Browser) -> None:
    await broken(core, names)
    async with browser(core) as other:
        await sign_in(other, core, "bravo")
        await other.see(PATH, 404)
        await other.submit(f"{PATH}check", 404)
        await other.submit(f"{PATH}lift", 404, mailbox="gmail", reason="x")
    async with core.tenant_scope("alpha") as ctx:
        assert [one.mailbox for one in await repo.paused(ctx)] == ["gmail"]


class TestInABrowser:
    pytestmark = chromium.MARKS

    async def test_the_answers_appear_by_themselves(
        self, core: Core, names: NameServer, tmp_path: Path
    ) -> None:
        trouble: list[str] = []
        async with chromium.served(core, tmp_path) as site, chromium.launched() as browser:
            page = await chromium.signed_in(browser, site, "wide", trouble)
            await page.goto(f"{site.links.base_url}{PATH}")
            await page.get_by_role("button", name="Check now").click()
            await page.get_by_role("button", name="Checking…", disabled=True).wait_for()
            await page.screenshot(path=Path(__file__).parent / "screenshots" / "checking.png")
            await work(core)
            await page.get_by_role("button", name="Check again").wait_for()
            await page.get_by_text("Replies of customers arrive.").wait_for()
        assert not trouble, "\n".join(trouble)

    async def test_the_page_fits_and_nothing_goes_wrong(
        self, core: Core, names: NameServer, tmp_path: Path
    ) -> None:
        shots = Path(__file__).parent / "screenshots"
        async with chromium.served(core, tmp_path) as site:
            trouble = await chromium.look_at_all(site, {"empty": PATH}, shots)
            await broken(core, names)
            trouble += await chromium.look_at_all(site, {"broken": PATH, "home": "/app/"}, shots)
        assert not trouble, "\n".join(trouble)
