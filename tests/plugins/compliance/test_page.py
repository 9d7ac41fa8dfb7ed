"""The public page through the real application: GET shows, POST acts, and nobody else's link does."""

from __future__ import annotations

import asyncio
import re
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from kernel.profiles.rights import erase_customer
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from kernel.web.app import create_app
from plugins.compliance import choosing, footer, page, panels, suppression, unsubscribe

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def sent(core: Core, **fields: Any) -> tuple[Outgoing, str]:
    """A mail that went out, with its unsubscribe link as it stands in the header."""
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, **{"email": "ada@example.com", **fields})
        batch = await add_messages(ctx, await add_campaign(ctx), ids, state="accepted")
        [message] = await rendered(ctx, batch)
    assert message.rendered is not None
    return message, message.rendered.headers["List-Unsubscribe"].strip("<>")


async def state(core: Core) -> dict[str, Any]:
    """Everything an unsubscription may change."""
    async with core.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow(
            """SELECT email_consent, consent_at, consent_source,
                 (SELECT count(*) FROM profiles_suppression) AS suppressed,
                 (SELECT count(*) FROM pipeline_outcome WHERE kind = 'unsubscribed') AS outcomes,
                 (SELECT count(*) FROM events_event WHERE type = 'consent.changed') AS events,
                 (SELECT count(*) FROM pipeline_message WHERE state = 'cancelled') AS cancelled
               FROM profiles_customer ORDER BY id LIMIT 1"""
        )
    return dict(row)


async def test_get_shows_a_form_and_changes_nothing(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    before = await state(core)
    for _ in range(2):
        answer = await web.get(link)
        assert answer.status_code == 200
        assert '<form method="post">' in answer.text
        assert "a•••@example.com" in answer.text and "ada@" not in answer.text
        assert "Alder &amp; Oak, Hauptstr. 1" in answer.text
        assert "<script" not in answer.text
    assert await state(core) == before
    assert before["email_consent"] == "subscribed"


async def test_the_page_keeps_its_address_to_itself(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    answer = await web.get(link)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "noindex" in answer.headers["x-robots-tag"]
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
    style = re.search(r"<style>(.*?)</style>", answer.text, re.DOTALL)
    assert style is not None
    assert page.headers(style[1])["Content-Security-Policy"] == policy
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    "body",
    [
        {"data": ONE_CLICK},
        {"files": {"List-Unsubscribe": (None, "One-Click")}},
        {"content": b""},
        {"content": b"\xff\x00 no form at all", "headers": {"content-type": "application/json"}},
        {"content": b"x", "headers": {"content-type": "multipart/form-data; boundary="}},
        {"data": ONE_CLICK, "headers": {"origin": "https://evil.example.com", "cookie": "a=b"}},
    ],
)
async def test_post_unsubscribes_whatever_the_body(
    core: Core, web: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    message, link = await sent(core)
    async with core.tenant_scope("alpha") as ctx:
        campaign = await add_campaign(ctx, "winback")
        await add_messages(ctx, campaign, [message.customer_id], state="planned")
    answer = await web.post(link, **body, follow_redirects=False)
    assert answer.status_code == 200
    assert "location" not in answer.headers and "set-cookie" not in answer.headers
    assert "You are unsubscribed" in answer.text
    after = await state(core)
    assert after["email_consent"] == "unsubscribed"
    assert after["consent_source"] == "unsubscribe link"
    assert after["consent_at"] == core.clock.now()
    assert [after[k] for k in ("suppressed", "outcomes", "events", "cancelled")] == [1, 1, 1, 1]


async def test_once_or_ten_times_is_the_same(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    _, link = await sent(core)
    await web.post(link, data=ONE_CLICK)
    after = await state(core)
    clock.turn(days=400)
    answers = await asyncio.gather(*(web.post(link, data=ONE_CLICK) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert await state(core) == after
    assert "You are unsubscribed" in (await web.get(link)).text


async def test_eight_at_once_are_one(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    answers = await asyncio.gather(*(web.post(link, data=ONE_CLICK) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    after = await state(core)
    assert (after["suppressed"], after["outcomes"], after["events"]) == (1, 1, 1)


async def test_only_the_one_whose_mail_it_was(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    _, other = await sent(core, email="eve@example.com")
    await web.post(other, data=ONE_CLICK)
    assert (await state(core))["email_consent"] == "subscribed"
    assert link != other


async def test_a_link_works_for_ever(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    _, link = await sent(core)
    clock.turn(days=3650)
    assert (await web.post(link, data=ONE_CLICK)).status_code == 200
    assert (await state(core))["email_consent"] == "unsubscribed"


async def test_a_forged_link_is_a_page_that_says_so(core: Core, web: httpx.AsyncClient) -> None:
    message, link = await sent(core)
    before = await state(core)
    base, _, token = link.rpartition("/")
    async with core.tenant_scope("alpha") as ctx:
        undo = unsubscribe.undo_token(ctx, message.id)
        from kernel.contracts.base import new_id
        from kernel.sdk import sign

        unknown = sign(ctx, footer.PURPOSE, new_id().bytes)
        short = sign(ctx, footer.PURPOSE, b"x")
        login = sign(ctx, "something else", message.id.bytes)
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for forged in (flipped, token[:20], "x", "ünï", "%00", undo, unknown, short, login, "." * 3000):
        for answer in (await web.get(f"{base}/{forged}"), await web.post(f"{base}/{forged}")):
            assert answer.status_code == 404, forged[:40]
            assert "This link does not work" in answer.text
            assert "<form" not in answer.text
    assert await state(core) == before


async def test_alphas_link_does_nothing_at_bravo(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    before = await state(core)
    answer = await web.post(link.replace("/alpha/", "/bravo/"), data=ONE_CLICK)
    assert answer.status_code == 404
    assert (await web.post(link.replace("/alpha/", "/nobody/"))).status_code == 404
    assert await state(core) == before


async def test_no_other_method_acts(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    before = await state(core)
    assert (await web.head(link)).status_code == 200
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert (await web.request(method, link)).status_code in (204, 404, 405)
    assert await state(core) == before


def undo_link(answer: httpx.Response) -> str:
    found = re.search(r'<form method="post" action="([^"]+)">', answer.text)
    assert found is not None
    return str(answer.url.join(found[1]))


async def test_a_mistake_can_be_taken_back_for_a_day(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    _, link = await sent(core)
    undo = undo_link(await web.post(link, data=ONE_CLICK))
    unsubscribed = await state(core)
    assert (await web.get(undo)).status_code == 405  # only the button acts
    assert await state(core) == unsubscribed
    clock.turn(hours=23)
    for _ in range(2):
        answer = await web.post(undo)
        assert answer.status_code == 200 and "You are subscribed again" in answer.text
    after = await state(core)
    assert (after["email_consent"], after["suppressed"], after["events"]) == ("subscribed", 0, 2)
    assert after["consent_at"] == clock.now()
    assert after["consent_source"] == "asked for again on the unsubscribe page"


async def test_a_day_later_it_cannot(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    _, link = await sent(core)
    undo = undo_link(await web.post(link, data=ONE_CLICK))
    clock.turn(hours=24, seconds=1)
    answer = await web.post(undo)
    assert answer.status_code == 404 and "It is too late for that" in answer.text
    assert (await state(core))["email_consent"] == "unsubscribed"


async def test_the_unsubscribe_token_does_not_resubscribe(
    core: Core, web: httpx.AsyncClient
) -> None:
    _, link = await sent(core)
    await web.post(link, data=ONE_CLICK)
    forged = link.replace("/u/", "/r/")
    assert (await web.post(forged)).status_code == 404
    assert (await state(core))["email_consent"] == "unsubscribed"


@pytest.mark.parametrize("consent", ["never", "unknown", "pending"])
async def test_undo_gives_nobody_a_consent_they_had_not(
    core: Core, web: httpx.AsyncClient, consent: str
) -> None:
    message, link = await sent(core, email_consent=consent)
    answer = await web.post(link, data=ONE_CLICK)
    assert "<form" not in answer.text
    async with core.tenant_scope("alpha") as ctx:
        token = unsubscribe.undo_token(ctx, message.id)
    assert (await web.post(link.rpartition("/u/")[0] + "/r/" + token)).status_code == 404
    assert (await state(core))["email_consent"] == "unsubscribed"


async def test_what_was_consented_to_before_stays_provable(
    core: Core, web: httpx.AsyncClient
) -> None:
    _, link = await sent(core)
    before = await state(core)
    await web.post(link, data=ONE_CLICK)
    async with core.tenant_scope("alpha") as ctx:
        was = await ctx.db.fetchval("SELECT was::text FROM profiles_suppression")
    assert before["consent_at"].isoformat() in was and "checkout" in was


async def test_an_erased_customer_may_still_click(core: Core, web: httpx.AsyncClient) -> None:
    message, link = await sent(core)
    async with core.tenant_scope("alpha") as ctx:
        assert (await erase_customer(ctx, message.customer_id)).failed == ()
    answer = await web.get(link)
    assert answer.status_code == 200 and "this address" in answer.text
    assert (await web.post(link, data=ONE_CLICK)).status_code == 200
    async with core.tenant_scope("alpha") as ctx:
        listed = await suppression.listed(ctx, ["ada@example.com"])
    assert listed["ada@example.com"].reason == "erased"


@pytest.mark.parametrize(
    ("locale", "accept", "title"),
    [
        ("", "", "Unsubscribe?"),
        ("de-DE", "en", "Abmelden?"),
        ("", "de;q=0.9, en;q=0.8", "Abmelden?"),
        ("fr", "", "Se désabonner ?"),
        ("es", "", "¿Darse de baja?"),
        ("nl", "", "Afmelden?"),
        ("xx-XX", "zz", "Unsubscribe?"),
    ],
)
async def test_speaks_the_readers_language(
    core: Core, web: httpx.AsyncClient, locale: str, accept: str, title: str
) -> None:
    _, link = await sent(core, locale=locale)
    answer = await web.get(link, headers={"accept-language": accept})
    assert f"<h1>{title}</h1>" in answer.text
    assert f'<html lang="{page.choose(f"{locale},{accept}")}">' in answer.text


@pytest.mark.parametrize("pages", [page.WORDS, choosing.WORDS], ids=["page", "preferences"])
def test_every_language_says_everything(pages: dict[str, dict[str, str]]) -> None:
    for language, words in pages.items():
        assert words.keys() == pages["en"].keys(), language
        for text in words.values():
            assert "<" not in text and text.format(shop="S", email="E")


async def test_a_hostile_shop_name_is_only_a_name(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    async with core.system_scope("test") as unit:
        await unit.execute(
            "UPDATE tenancy_tenant SET name = '</style><script>alert(1)</script>{email}'"
        )
    answer = await web.get(link)
    assert "<script>" not in answer.text and answer.text.count("</style>") == 1
    assert "{email}" in answer.text


@pytest.mark.parametrize(
    ("colour", "ink"), [("#1f4d3a", "#ffffff"), ("#ffe14d", "#111111"), ("#ffffff", "#111111")]
)
def test_the_button_can_be_read(colour: str, ink: str) -> None:
    assert page.ink_on(colour) == ink


async def test_the_customers_panel_shows_consent_and_what_follows(
    core: Core, web: httpx.AsyncClient
) -> None:
    message, link = await sent(core)
    engine = create_app(core).template_engine
    assert engine is not None

    async def drawn() -> str:
        async with core.tenant_scope("alpha") as ctx:
            data = await panels.state(ctx, SimpleNamespace(id=message.customer_id))
        assert data is not None
        return engine.get_template("compliance/consent.html").render(**data)

    before = await drawn()
    assert "May be written to" in before and "checkout" in before and "Subscribed" in before
    await web.post(link, data=ONE_CLICK)
    after = await drawn()
    assert "Is not written to" in after and "unsubscribe link" in after
    assert "Suppression list" in after
    async with core.tenant_scope("bravo") as bravo:
        assert await panels.state(bravo, SimpleNamespace(id=message.customer_id)) is None
