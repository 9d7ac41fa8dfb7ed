"""The links that a shop's own template holds: each counted, with utm, in page and text; some never."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kernel.mail.compiling import kernel_file
from kernel.mail.sharing import substitutions
from kernel.pipeline import previews, variant_store
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from plugins.tracking.addresses import left_alone
from tests.plugins.tracking.test_tracking import HITS, PERSON, content, forgotten, judged

if TYPE_CHECKING:
    from kernel.sdk import Outgoing
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

__all__ = ["forgotten"]
KEPT = (
    "https://shop.example/policies/privacy-policy",
    "https://shop.example/de/pages/impressum",
    "mailto:help@shop.example",
    "tel:+4930123",
    "http://mail.test/t/alpha/pages/view",
)
HREF = re.compile(r'<a\b[^>]*href="([^"]*)"')


def section(*links: str) -> str:
    inside = " ".join(f'<a href="{url}">Link {n}</a>' for n, url in enumerate(links))
    return f"<mj-section><mj-column><mj-text>{inside}</mj-text></mj-column></mj-section>"


async def template(core: Core, *links: str) -> None:
    async with core.system_scope("test") as unit:
        await unit.execute(
            "INSERT INTO tenancy_template VALUES ('alpha', 'welcome', $1, 'welcome.mjml')",
            kernel_file("default.mjml") + section(*links),
        )


async def mails(core: Core, count: int = 1, **fields: Any) -> list[Outgoing]:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, count, **fields)
        batch = await add_messages(ctx, await add_campaign(ctx), ids, state="accepted")
        return await rendered(ctx, batch)


async def test_every_link_of_a_template_is_counted_and_leads_where_it_led(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    shops = ("https://shop.example/new?a=1&amp;b=2", "https://shop.example/sale#top")
    await template(core, *shops, *KEPT)
    [message] = await mails(core)
    assert message.rendered is not None
    page, text = message.rendered.html, message.rendered.text
    for kept in KEPT:
        assert f'href="{kept}"' in page
    assert "shop.example/new" not in page + text and "shop.example/sale" not in page + text
    clock.turn(minutes=5)
    led = []
    for label in ("Link 0", "Link 1"):
        [link] = re.findall(rf'href="([^"]*)"[^>]*>{label}<', page)
        assert f"{label}: {link}\n" in text
        answer = await web.get(link, headers=PERSON)
        led.append(answer.headers["location"])
        clock.turn(minutes=5)
    utm = "utm_source=newsletter&utm_medium=email&utm_campaign=welcome"
    assert led == [
        f"https://shop.example/new?a=1&b=2&{utm}",
        f"https://shop.example/sale?{utm}#top",
    ]
    await judged(core, clock)
    assert await content(core, HITS) == [("human",), ("human",)]


async def test_each_recipient_has_links_of_their_own_and_all_share_one_mail(core: Core) -> None:
    await template(core, "https://shop.example/new", "https://shop.example/sale")
    one, other = (mail.rendered for mail in await mails(core, 2))
    assert one and other and one.shared and one.shared is other.shared
    counted = [
        {url for url in HREF.findall(mail.html) if "/tracking/c/" in url} for mail in (one, other)
    ]
    assert (
        len(counted[0]) == len(counted[1]) == 4 and not counted[0] & counted[1]
    )  # and the honeypot
    for mail in (one, other):
        page, text = one.shared.html, one.shared.text
        for mark, value in substitutions(mail).items():
            page, text = page.replace(mark, value), text.replace(mark, value)
        assert (page, text) == (mail.html, mail.text)


async def test_who_said_no_gets_plain_links(core: Core) -> None:
    await template(core, "https://shop.example/new")
    [message] = await mails(core, tracking_consent="denied")
    assert message.rendered is not None
    assert "/tracking/c/" not in message.rendered.html + message.rendered.text
    assert "https://shop.example/new?utm_source=newsletter" in message.rendered.text


async def test_a_counted_link_hides_nothing_from_the_lint(core: Core) -> None:
    await template(core, "https://bit.ly/x", "https://shop.example/new")
    async with core.tenant_scope("alpha") as ctx:
        await add_customers(ctx)
        campaign = await add_campaign(ctx)
        kind = core.board.campaign_types["welcome"].value
        words = variant_store.Words(variant="professional", copy=kind.copies["professional"])
        await variant_store.put(ctx, campaign.id, [words], "propose", settled=True)
        [checked] = await previews.check(ctx, campaign.id, ["professional"])
    assert [one.rule for one in checked.findings if one.severity == "block"] == ["shortener"]


@pytest.mark.parametrize(
    ("url", "alone"),
    [
        ("https://mail.test/app/", True),
        ("https://MAIL.test/", True),
        ("https://mail.test.evil.example/", False),
        ("https://shop.example/policies/refund-policy", True),
        ("https://shop.example/pages/Mentions-L%C3%A9gales/", True),
        ("https://shop.example/datenschutzerklaerung.html", True),
        ("https://shop.example/products/terms", False),
        ("https://shop.example/pages/legal-tender-mug", False),
        ("https://shop.example/", False),
        ("https://[broken/", True),
    ],
)
def test_ours_and_the_laws(url: str, alone: bool) -> None:
    assert left_alone(url, {"mail.test"}) is alone
