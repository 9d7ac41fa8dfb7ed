"""Links in mails, followed through the real application; hits judged; orders after clicks."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.sdk import MailLinks, OrderPlaced
from kernel.testing.clock import TurnedClock
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers, add_order
from plugins.tracking import jobs, links, orders, repo, tokens
from plugins.tracking.addresses import destination
from plugins.tracking.manifest import TrackingSettings
from plugins.tracking.scanners import Hit, agent_of, judge
from tests.admin_ui.browser import Browser

if TYPE_CHECKING:
    from kernel.sdk import Outgoing
    from kernel.tenancy.core import Core

PERSON = {"user-agent": "Mozilla/5.0 (Macintosh) Safari/605.1"}
UTM = {"utm_source": "newsletter", "utm_medium": "email"}
SHOP = "https://shop.example.com/p?a=1#top"


@pytest.fixture(autouse=True)
def forgotten() -> None:
    """The database of every test is a new one; what a process remembers of links is of the last."""
    links.CACHE.clear()
    repo.forget_urls()


async def mail(core: Core, url: str = SHOP, **fields: Any) -> tuple[Outgoing, MailLinks]:
    """A message accepted a minute ago, with its links."""
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, **fields)
        [message] = await add_messages(
            ctx,
            await add_campaign(ctx),
            ids,
            state="accepted",
            accepted_at=ctx.now - timedelta(minutes=1),
        )
        [made] = await links.rewrite(
            ctx,
            [message],
            [MailLinks(links={"link": url, "home_link": "https://shop.example.com/"})],
        )
    return message, made


async def judged(core: Core, clock: TurnedClock) -> None:
    clock.turn(minutes=5)
    await jobs.judge(await core.detached("alpha"), {})


async def content(core: Core, sql: str) -> list[tuple[Any, ...]]:
    async with core.tenant_scope("alpha") as ctx:
        return [tuple(row) for row in await ctx.db.fetch(sql)]


HITS = "SELECT verdict FROM tracking_hit ORDER BY id"
OUTCOMES = "SELECT message_id, kind FROM pipeline_outcome ORDER BY kind"


def test_a_destination_keeps_what_it_has() -> None:
    assert destination(SHOP, UTM) == (
        "https://shop.example.com/p?a=1&utm_source=newsletter&utm_medium=email#top"
    )
    assert destination("https://a.example/?utm_source=x", UTM) == (
        "https://a.example/?utm_source=x&utm_medium=email"
    )
    assert destination("https://bücher.example/é", {}) == "https://xn--bcher-kva.example/%C3%A9"
    for bad in (
        "javascript:alert(1)",
        "//evil",
        "https://",
        "ftp://a/",
        "https://a@b/",
        "http://a b/",
    ):
        assert destination(bad, {}) is None


async def test_a_click_by_a_person_is_counted_once(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    message, made = await mail(core)
    assert made.pixel == "" and made.honeypot
    for _ in range(2):
        answer = await web.get(made.links["link"], headers=PERSON)
        assert answer.status_code == 302
        assert answer.headers["location"] == (
            "https://shop.example.com/p?a=1&utm_source=newsletter&utm_medium=email&"
            "utm_campaign=welcome#top"
        )
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
    await judged(core, clock)
    await judged(core, clock)
    assert await content(core, HITS) == [("human",), ("human",)]
    assert await content(core, OUTCOMES) == [(message.id, "clicked")]


async def test_links_of_a_former_secret_lead_on(core: Core, web: httpx.AsyncClient) -> None:
    _, made = await mail(core)
    mine = core.links
    core.links = msgspec.structs.replace(mine, secret="n" * 40, old_secrets=("o" * 40, mine.secret))
    assert (await web.get(made.links["link"], headers=PERSON)).status_code == 302
    _, fresh = await mail(core)
    assert (await web.get(fresh.links["link"], headers=PERSON)).status_code == 302
    core.links = mine
    assert (await web.get(fresh.links["link"], headers=PERSON)).status_code == 404


async def test_machines_are_kept_and_never_counted(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    _, made = await mail(core)
    assert (await web.head(made.links["link"], headers=PERSON)).status_code == 302
    await web.get(made.links["link"], headers={"user-agent": "Barracuda/1"})
    clock.turn(minutes=10)
    await web.get(made.links["link"], headers=PERSON)
    clock.turn(seconds=20)
    assert (await web.get(made.honeypot, headers=PERSON)).status_code == 302
    await judged(core, clock)
    assert await content(core, HITS) == [("scanner",)] * 4
    assert await content(core, OUTCOMES) == []


async def test_forged_and_foreign_links_are_a_page(core: Core, web: httpx.AsyncClient) -> None:
    message, made = await mail(core)
    base, _, token = made.links["link"].rpartition("/")
    async with core.tenant_scope("alpha") as ctx:
        unknown = tokens.click(ctx, message.id, 999_999)
    first, number, mac = token.split(".")
    other = f"{first}.{int(number) + 1}.{mac}"
    for forged in (token[:-1], other, unknown, "x", "https:%2F%2Fevil.example", "." * 99):
        answer = await web.get(f"{base}/{forged}")
        assert answer.status_code == 404 and "location" not in answer.headers
    for path in ("/bravo/tracking/c/", "/bravo/tracking/o/"):
        there = made.links["link"].replace("/alpha/tracking/c/", path)
        assert (await web.get(there, headers={"accept": "text/html"})).status_code == 404
    assert await content(core, HITS) == []


@pytest.mark.parametrize(
    ("accepts", "language", "heading"),
    [
        ("fr-CH, fr;q=0.9, en;q=0.8", "fr", "Ce lien ne fonctionne pas"),
        ("it,de;q=0.5", "de", "Dieser Link geht nicht"),
        ("frr,deu", "en", "This link does not work"),
        ("<script>,;q=\x0b", "en", "This link does not work"),
        ("", "en", "This link does not work"),
    ],
)
async def test_the_page_for_other_links_is_the_readers_and_nobodys(
    core: Core, web: httpx.AsyncClient, accepts: str, language: str, heading: str
) -> None:
    _, made = await mail(core)
    headers = {"accept": "text/html", "accept-language": accepts}
    answer = await web.get(made.links["link"] + "x", headers=headers)
    assert answer.status_code == 404
    assert f'<html lang="{language}">' in answer.text and f"<h1>{heading}</h1>" in answer.text
    async with core.tenant_scope("alpha") as ctx:
        for name in (ctx.tenant.name, ctx.tenant.brand.name, "Mailwright"):
            assert not name or name not in answer.text
    [style] = re.findall(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in answer.headers["content-security-policy"]
    assert '<link rel="stylesheet"' not in answer.text and "<script" not in answer.text


@pytest.mark.parametrize("consent", ["unknown", "granted", "denied"])
async def test_consent_says_what_is_counted(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock, consent: str
) -> None:
    _, made = await mail(core, tracking_consent=consent)
    assert bool(made.pixel) == (consent == "granted")
    assert ("/c/" in made.links["link"]) == (consent != "denied")
    assert bool(made.honeypot) == (consent != "denied")
    if made.pixel:
        answer = await web.get(made.pixel, headers=PERSON)
        assert answer.status_code == 200 and answer.headers["content-type"] == "image/gif"
        await judged(core, clock)
        assert await content(core, HITS) == [("hint",)]
        assert await content(core, OUTCOMES) == []


async def test_five_hundred_mails_store_an_address_once(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, 500)
        batch = await add_messages(ctx, await add_campaign(ctx), ids)
        asked: list[str] = []
        real = ctx.db.fetch

        async def fetch(sql: str, *args: Any) -> list[Any]:
            asked.append(sql)
            return await real(sql, *args)

        ctx.db.fetch = fetch  # type: ignore[method-assign]
        url = "https://shop.example.com/five-hundred"
        await links.rewrite(ctx, batch, [MailLinks(links={"link": url})] * 500)
        assert len(asked) == 2
    assert len(await content(core, "SELECT id FROM tracking_link")) == 1


async def test_the_kernel_asks_by_the_hook_mail_links(core: Core) -> None:
    message, _ = await mail(core)
    async with core.tenant_scope("alpha") as ctx:
        [made] = await core.board.chain(
            "mail_links",
            ctx.enabled,
            "links",
            [MailLinks(links={"link": SHOP})],
            ctx=ctx,
            batch=[message],
        )
    assert "/tracking/c/" in made.links["link"]


async def test_transactional_mail_is_left_alone(core: Core) -> None:
    message, _ = await mail(core)
    given_links = MailLinks(links={"link": SHOP})
    async with core.tenant_scope("alpha") as ctx:
        plain = msgspec.structs.replace(message, transactional=True)
        assert await links.rewrite(ctx, [plain], [given_links]) == [given_links]


async def test_an_order_counts_for_the_last_click_once(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    message, made = await mail(core)
    await web.get(made.links["link"], headers=PERSON)
    clock.turn(days=1)
    async with core.tenant_scope("alpha") as ctx:
        ids = [
            await add_order(ctx, message.customer_id, ctx.now + timedelta(days=d)) for d in (0, 9)
        ]
        placed = [
            OrderPlaced(
                order_id=number,
                customer_id=message.customer_id,
                amount=50,  # type: ignore[arg-type]
                currency="EUR",
                occurred_at=ctx.now + timedelta(days=d),
            )
            for number, d in zip(ids, (0, 9), strict=True)
        ]
        await orders.placed(ctx, placed)
        await orders.placed(ctx, placed)
    clock.turn(days=10)
    await judged(core, clock)
    await jobs.nightly(await core.detached("alpha"), {})
    await judged(core, clock)
    assert await content(core, OUTCOMES) == [(message.id, "clicked"), (message.id, "ordered")]
    assert await content(core, "SELECT order_id FROM tracking_order") == [(ids[0],)]


async def test_an_imported_order_is_found_and_a_cancelled_one_is_not(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    message, made = await mail(core)
    await web.get(made.links["link"], headers=PERSON)
    await judged(core, clock)
    async with core.tenant_scope("alpha") as ctx:
        good = await add_order(ctx, message.customer_id, ctx.now)
        bad = await add_order(ctx, message.customer_id, ctx.now)
        await ctx.db.execute("UPDATE profiles_order SET status = 'cancelled' WHERE id = $1", bad)
    await jobs.nightly(await core.detached("alpha"), {})
    await judged(core, clock)
    assert await content(core, "SELECT order_id FROM tracking_order") == [(good,)]


async def test_a_customer_sees_their_hits_and_can_be_forgotten(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    message, made = await mail(core)
    await web.get(made.links["link"], headers=PERSON)
    await judged(core, clock)
    async with core.tenant_scope("alpha") as ctx:
        assert len((await repo.export(ctx, message.customer_id)).rows["tracking_hit"]) == 1
        assert (await repo.erase(ctx, message.customer_id)).rows == 1
        assert (await repo.erase(ctx, message.customer_id)).rows == 0
        assert (await repo.export(ctx, message.customer_id)).rows["tracking_hit"] == []
    assert await content(core, HITS) == [("human",)]


async def test_the_page_is_empty_and_then_is_not(
    core: Core, web: httpx.AsyncClient, client: Browser, clock: TurnedClock
) -> None:
    assert "No link of a mail was followed" in await client.see("/app/x/tracking/")
    message, made = await mail(core)
    await web.get(made.links["link"], headers=PERSON)
    await judged(core, clock)
    text = await client.see("/app/x/tracking/")
    assert "1 click by people and 0 by scanners" in text and "last click by a person" in text
    assert "Clicks and orders" in await client.see(f"/app/campaigns/{message.campaign_id}")


def test_programs_name_themselves() -> None:
    assert agent_of(PERSON["user-agent"]) == "browser"
    assert agent_of("Mozilla/5.0 (compatible; Googlebot/2.1)") == "scanner"
    assert agent_of("Mozilla/5.0") == "proxy" and agent_of("") == "none"


SOME = st.builds(
    lambda link, seconds, head, agent: (link, seconds, head, agent),
    st.integers(0, 3),
    st.integers(0, 200),
    st.booleans(),
    st.sampled_from(["browser", "scanner", "none"]),
)


@given(st.lists(SOME, max_size=12), st.randoms())
def test_order_and_repetition_change_nothing(history: list[Any], rng: Any) -> None:
    start = TurnedClock().now()
    hits = [
        Hit(id=n, kind="click", link_id=i, at=start + timedelta(seconds=s), head=h, agent=a)
        for n, (i, s, h, a) in enumerate(history)
    ]
    once = judge(TrackingSettings(), hits, start)
    again = [*hits, *hits]
    rng.shuffle(again)
    assert judge(TrackingSettings(), again, start) == once
    assert not [n for n, one in once.items() if one.verdict == "human" and hits[n].head]
