"""The preference centre through the real application: GET shows, POST saves, and nobody else's link does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import httpx
import pytest

from kernel.profiles.rights import erase_customer
from kernel.sdk import suppress, suppressed
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.compliance import choosing, footer, preferences, unsubscribe
from plugins.compliance.preferences import TOPICS

if TYPE_CHECKING:
    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

EMAIL = "ada@example.com"


async def sent(core: Core, **fields: Any) -> tuple[Outgoing, str]:
    """A mail that went out, with the address of its preference centre."""
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, **{"email": EMAIL, **fields})
        [message] = await add_messages(ctx, await add_campaign(ctx), ids, state="accepted")
        return message, footer.preferences(ctx, message)


async def state(core: Core) -> dict[str, Any]:
    """Everything a choice may change."""
    async with core.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow(
            """SELECT email_consent, consent_at, consent_source, consent_wording,
                 tracking_consent, tracking_at, tracking_source,
                 (SELECT array_agg(topic || ' ' || reason || ' ' || at ORDER BY topic)
                  FROM profiles_suppression) AS listed,
                 (SELECT count(*) FROM pipeline_outcome) AS outcomes,
                 (SELECT count(*) FROM profiles_consent) AS entries,
                 (SELECT count(*) FROM events_event) AS events,
                 (SELECT count(*) FROM pipeline_message WHERE state = 'cancelled') AS cancelled
               FROM profiles_customer ORDER BY id LIMIT 1"""
        )
    return dict(row)


async def off(core: Core, tenant: str = "alpha") -> dict[str, str]:
    """Topic -> reason of every entry of Ada's address."""
    async with core.tenant_scope(tenant) as ctx:
        found = await suppressed(ctx, [EMAIL])
    return {entry.topic: entry.reason for entry in found.get(EMAIL, [])}


def form(*ticked: str, do: str = "save") -> dict[str, str]:
    return {**dict.fromkeys(ticked, "on"), "do": do}


async def test_get_and_head_show_and_change_nothing(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    before = await state(core)
    for _ in range(2):
        answer = await web.get(link)
        assert answer.status_code == 200
        assert answer.text.count(" checked") == len(TOPICS)
        assert "a•••@example.com" in answer.text and "ada@" not in answer.text
        assert "<script" not in answer.text
        assert "set-cookie" not in answer.headers and "location" not in answer.headers
        assert answer.headers["referrer-policy"] == "no-referrer"
    head = await web.head(link)
    assert head.status_code == 200 and "set-cookie" not in head.headers
    for method in ("PUT", "DELETE", "PATCH"):
        assert (await web.request(method, link)).status_code == 405
    assert await state(core) == before


async def test_a_topic_off_and_on_again(core: Core, web: httpx.AsyncClient) -> None:
    message, link = await sent(core)
    async with core.tenant_scope("alpha") as ctx:
        campaign = await add_campaign(ctx, "welcome")
        await add_messages(ctx, campaign, [message.customer_id], state="planned")
    answer = await web.post(link, data=form("offers", "recommendations"), follow_redirects=False)
    assert answer.status_code == 200 and "set-cookie" not in answer.headers
    assert "Your choice is saved." in answer.text
    assert answer.text.count(" checked") == 2
    assert await off(core) == {"news": "unsubscribed"}
    after = await state(core)
    assert after["email_consent"] == "subscribed" and after["outcomes"] == 0
    await web.post(link, data=form("offers", "recommendations"))
    assert await state(core) == after
    await web.post(link, data=form(*TOPICS))
    assert await off(core) == {}
    assert (await state(core))["consent_source"] == "checkout"


@pytest.mark.parametrize("body", [form(), form(do="nothing"), form(*TOPICS, do="nothing")])
async def test_all_off_is_the_unsubscription_with_its_undo(
    core: Core, web: httpx.AsyncClient, body: dict[str, str]
) -> None:
    _, link = await sent(core)
    answer = await web.post(link, data=body)
    assert "sends no newsletters" in answer.text and "Subscribe again" in answer.text
    assert await off(core) == {"": "unsubscribed"}
    after = await state(core)
    assert after["email_consent"] == "unsubscribed" and after["outcomes"] == 1
    await web.post(link, data=body)
    assert await state(core) == after
    undo = answer.url.join(answer.text.split('action="')[1].split('"')[0])
    assert "subscribed again" in (await web.post(undo)).text
    assert await off(core) == {} and (await state(core))["email_consent"] == "subscribed"


async def test_a_tick_after_the_end_is_a_consent_with_evidence(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    _, link = await sent(core)
    await web.post(link, data=form(do="nothing"))
    clock.turn(days=40)
    shown = await web.get(link)
    assert " checked" not in shown.text and "Tick what you would like" in shown.text
    await web.post(link, data=form("news"))
    after = await state(core)
    assert after["email_consent"] == "subscribed"
    assert after["consent_at"] == clock.now()
    assert after["consent_source"] == preferences.SOURCE
    assert after["consent_wording"] == "preferences-1-en"
    assert await off(core) == {"offers": "unsubscribed", "recommendations": "unsubscribed"}


@pytest.mark.parametrize("consent", ["never", "unknown", "pending"])
async def test_saving_gives_nobody_a_consent(
    core: Core, web: httpx.AsyncClient, consent: str
) -> None:
    _, link = await sent(core, email_consent=consent, consent_at=None, consent_source="")
    before = await state(core)
    await web.post(link, data=form(*TOPICS))
    assert await state(core) == before
    await web.post(link, data=form("news"))
    assert (await state(core))["email_consent"] == consent


async def test_tracking_is_chosen_apart(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    _, link = await sent(core)
    await web.post(link, data=form(*TOPICS))
    assert (await state(core))["tracking_consent"] == "unknown"
    await web.post(link, data=form(*TOPICS, "tracking"))
    granted = await state(core)
    assert granted["tracking_consent"] == "granted"
    assert granted["tracking_source"] == preferences.SOURCE
    assert granted["listed"] is None and granted["email_consent"] == "subscribed"
    await web.post(link, data=form(*TOPICS))  # though the shop's clock stands still
    assert (await state(core))["tracking_consent"] == "denied"
    clock.turn(days=1)
    await web.post(link, data=form(do="nothing"))
    assert (await state(core))["tracking_consent"] == "denied"


async def test_where_tracking_is_opt_out_a_ticked_box_is_no_consent(
    core: Core, web: httpx.AsyncClient
) -> None:
    _, link = await sent(core, country="US")
    assert (await web.get(link)).text.count(" checked") == 4
    await web.post(link, data=form(*TOPICS, "tracking"))
    assert (await state(core))["tracking_consent"] == "unknown"
    await web.post(link, data=form(*TOPICS))
    assert (await state(core))["tracking_consent"] == "denied"


@pytest.mark.parametrize("reason", ["complained", "bounced", "manual"])
async def test_what_only_the_shop_lifts_stays(
    core: Core, web: httpx.AsyncClient, reason: Any
) -> None:
    _, link = await sent(core)
    async with core.tenant_scope("alpha") as ctx:
        await suppress(ctx, EMAIL, reason)
    assert "Only the shop can change that" in (await web.get(link)).text
    answer = await web.post(link, data=form(*TOPICS))
    assert answer.status_code == 200 and " checked" not in answer.text
    assert await off(core) == {"": reason}


@pytest.mark.parametrize(
    "body",
    [
        {"content": b""},
        {"content": b"\xff\x00"},
        {"content": b"news=on&offers=on"},
        {"content": b"do=drop"},
        {"content": b"do=save&" + b"&".join(b"a%d=1" % i for i in range(40))},
        {"content": b"{}", "headers": {"content-type": "application/json"}},
        {"files": {"do": (None, "nothing")}},
        {"content": b"x", "headers": {"content-type": "multipart/form-data; boundary="}},
    ],
)
async def test_another_body_changes_nothing(
    core: Core, web: httpx.AsyncClient, body: dict[str, Any]
) -> None:
    _, link = await sent(core)
    before = await state(core)
    answer = await web.post(link, **body)
    assert answer.status_code == 400 and "nothing was changed" in answer.text
    assert await state(core) == before


async def test_a_huge_body_is_refused(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    before = await state(core)
    assert (await web.post(link, content=b"do=save&x=" + b"a" * 20_000)).status_code == 413
    assert await state(core) == before


async def test_hostile_fields_are_only_noise(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    body = urlencode({**form(*TOPICS), "topic": "'; DROP", "<script>": "on", "customer_id": "2"})
    headers = {"content-type": "application/x-www-form-urlencoded"}
    answer = await web.post(link, content=body, headers=headers)
    assert answer.status_code == 200 and "script" not in answer.text
    assert await off(core) == {}


async def test_nobody_elses_link_works(core: Core, web: httpx.AsyncClient) -> None:
    message, link = await sent(core)
    before = await state(core)
    base, _, token = link.rpartition("/")
    async with core.tenant_scope("alpha") as ctx:
        other = footer.link(ctx, message).rpartition("/")[2]
        undo = unsubscribe.undo_token(ctx, message.id)
    flipped = token[:-1] + ("A" if token[-1] != "A" else "B")
    for forged in (flipped, token[:20], "x", "ünï", "%00", other, undo, "." * 3000):
        for answer in (
            await web.get(f"{base}/{forged}"),
            await web.post(f"{base}/{forged}", data=form(do="nothing")),
        ):
            assert answer.status_code == 404 and "<form" not in answer.text, forged[:40]
    bravo = await web.post(link.replace("/alpha/", "/bravo/"), data=form(do="nothing"))
    assert bravo.status_code == 404
    assert (await web.post(link.replace("/p/", "/u/"))).status_code == 404
    assert await state(core) == before


async def test_bravo_keeps_its_own_choices(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    await web.post(link, data=form(do="nothing"))
    assert await off(core, "bravo") == {}


async def test_a_link_works_for_ever(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    _, link = await sent(core)
    clock.turn(days=3650)
    await web.post(link, data=form("offers"))
    assert set(await off(core)) == {"news", "recommendations"}


async def test_eight_at_once_are_one(core: Core, web: httpx.AsyncClient) -> None:
    _, link = await sent(core)
    answers = await asyncio.gather(*(web.post(link, data=form("news")) for _ in range(8)))
    assert [answer.status_code for answer in answers] == [200] * 8
    assert set(await off(core)) == {"offers", "recommendations"}
    assert (await state(core))["events"] == 0


async def test_an_erased_customer_is_told_kindly(core: Core, web: httpx.AsyncClient) -> None:
    message, link = await sent(core)
    async with core.tenant_scope("alpha") as ctx:
        assert (await erase_customer(ctx, message.customer_id)).failed == ()
    before = await off(core)
    for answer in (await web.get(link), await web.post(link, data=form(*TOPICS))):
        assert answer.status_code == 200
        assert "There is nothing to choose" in answer.text and "<form" not in answer.text
    assert await off(core) == before == {"": "erased"}


@pytest.mark.parametrize(
    ("locale", "accept", "language"),
    [("de-DE", "en", "de"), ("", "fr;q=0.9", "fr"), ("nl", "", "en"), ("xx", "zz", "en")],
)
async def test_speaks_the_readers_language(
    core: Core, web: httpx.AsyncClient, locale: str, accept: str, language: str
) -> None:
    _, link = await sent(core, locale=locale)
    answer = await web.get(link, headers={"accept-language": accept})
    assert f"<h1>{choosing.WORDS[language]['title']}</h1>" in answer.text
    assert f'<html lang="{language}">' in answer.text
