"""Every variant in use has words before a merchant sees it: written ones that were checked, else ours."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import msgspec
import pytest

from kernel.contracts.campaigns import Written
from kernel.contracts.decisions import Pending
from kernel.contracts.errors import Conflict
from kernel.pipeline import approvals, messages, run, variants, writing
from tests.kernel.pipeline.words import writer as module
from tests.kernel.pipeline.words.shop import customers, decided, propose, status, used, wake

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

PENDING = Pending(reason="thinking", again_in=300)
SEGMENTS = ["Champions", "Loyal", "At Risk", "Lost", *(f"Group {letter}" for letter in "abcdefg")]


async def test_each_segment_and_language_gets_words_of_its_own(
    shop: Core, writer: module.Writer
) -> None:
    await customers(shop, "At Risk", "Champions")
    await customers(shop, "Champions", locale="de-AT")
    await customers(shop, locale="fr")
    await customers(shop, locale="xx")
    campaign_id = await propose(shop)
    assert await status(shop, campaign_id) == "waiting"
    found = await used(shop, campaign_id)
    assert sorted(found) == [
        "friendly", "friendly.fr", "friendly.segment-at-risk", "friendly.segment-champions",
        "friendly.segment-champions.de",
    ]  # fmt: skip
    german = found["friendly.segment-champions.de"]
    assert (german.source, german.model, german.prompt_hash) == ("pen", "m", "h")
    assert (german.tokens, german.cost_micros, german.fallback) == (7, 11, "")
    assert (german.tone, german.segment, german.language) == ("friendly", "Champions", "de")
    assert (german.offer, german.settled, german.version) == (False, True, 1)
    assert german.copy == german.original == module.WROTE
    [briefs] = writer.asked
    told = {one.variant: one for one in briefs}[german.name]
    assert (told.segment, told.language, told.fallback) == ("Champions", "de", module.GERMAN)
    assert "first_name" in told.slots
    assert "offer_code" not in told.slots
    async with shop.tenant_scope("alpha") as ctx:
        for message in await messages.page(ctx, campaign_id):
            mail = await messages.preview(ctx, message.id)
            assert ("Abmelden" in mail.html) == message.variant.endswith(".de")
            assert ("Se désabonner" in mail.text) == message.variant.endswith(".fr")


async def test_without_a_writer_the_templates_speak_and_no_variant_is_more_than_tone_and_language(
    templates_only: Core,
) -> None:
    await customers(templates_only, "Champions")
    await customers(templates_only, locale="de", first_name="")
    await customers(templates_only, locale="fr")
    campaign_id = await propose(templates_only)
    assert await status(templates_only, campaign_id) == "waiting"
    found = await used(templates_only, campaign_id)
    assert {name: one.messages for name, one in found.items()} == {"friendly": 2, "friendly.de": 1}
    for one in found.values():
        assert (one.source, one.version, one.fallback, one.tokens) == ("template", 1, "", 0)
    async with templates_only.tenant_scope("alpha") as ctx:
        listed = {one.name: one for one in await variants.listing(ctx, campaign_id)}
        assert set(listed) == set(module.NOTE.copies)
        mail = await variants.preview(ctx, campaign_id, "friendly.de")
        assert "Hallo liebe Kundin, lieber Kunde," in mail.text
        assert 'lang="de"' in mail.html
        assert "Abmelden" in mail.text
        plain = await variants.preview(ctx, campaign_id, "professional")
        assert plain.html.startswith("<!doctype html>")
        assert "Unsubscribe" in plain.text


@pytest.mark.parametrize(
    ("answer", "source", "fallback", "tokens"),
    [
        (Written(copy=None, fallback="The budget is used up.", tokens=3), "template", "The budget is used up.", 3),
        (Written(copy=None), "template", "pen wrote none.", 0),
        (None, "template", "Nobody wrote it.", 0),
        (
            Written(copy=msgspec.structs.replace(module.WROTE, subject="Now 20 % off"), tokens=9, cost_micros=5),
            "template",
            "What pen wrote was refused. subject: Numbers come from slots; write none yourself.",
            9,
        ),
        (
            Written(copy=msgspec.structs.replace(module.WROTE, body="{{ customer_email }} " + module.WROTE.body)),
            "template",
            "What pen wrote was refused. body: Unknown slot",
            0,
        ),
        (Written(copy=module.WROTE, tokens=4), "pen", "", 4),
    ],
)  # fmt: skip
async def test_what_cannot_be_used_falls_back_to_our_words_with_the_reason_and_the_cost(
    shop: Core, writer: module.Writer, answer: Written, source: str, fallback: str, tokens: int
) -> None:
    writer.answer = answer
    await customers(shop)
    campaign_id = await propose(shop)
    [one] = (await used(shop, campaign_id)).values()
    assert one.fallback.startswith(fallback)
    assert (one.source, one.tokens) == (source, tokens)
    assert one.copy == (module.WROTE if source == "pen" else module.ENGLISH)
    assert await status(shop, campaign_id) == "waiting"


async def test_a_writer_that_fails_costs_no_campaign(shop: Core, writer: module.Writer) -> None:
    writer.fails = True
    await customers(shop, "Lost")
    campaign_id = await propose(shop)
    [one] = (await used(shop, campaign_id)).values()
    assert (one.copy, one.source, one.fallback) == (module.ENGLISH, "template", "Nobody wrote it.")


async def test_pending_words_are_waited_for_without_asking_all_the_time(
    shop: Core, writer: module.Writer
) -> None:
    writer.answers = {"friendly.segment-lost": PENDING}
    await customers(shop, "Lost", "Loyal")
    campaign_id = await propose(shop)
    assert await status(shop, campaign_id) == "deciding"
    for _ in range(3):
        await run.advance(shop, "alpha")
    assert writer.names == [["friendly.segment-lost", "friendly.segment-loyal"]]
    async with shop.system_scope("test") as unit:
        assert await run.tenants_with_work(unit, shop.clock.now()) == []
    await wake(shop)
    async with shop.system_scope("test") as unit:
        assert await run.tenants_with_work(unit, shop.clock.now()) == ["alpha"]
    await run.advance(shop, "alpha")
    assert writer.names[1:] == [["friendly.segment-lost"]]  # what is written is not asked again
    assert await status(shop, campaign_id) == "deciding"
    writer.answers = {}
    await wake(shop)
    await run.advance(shop, "alpha")
    assert await status(shop, campaign_id) == "waiting"
    assert {one.source for one in (await used(shop, campaign_id)).values()} == {"pen"}


async def test_nobody_waits_longer_than_a_day_and_two_hours(
    shop: Core, writer: module.Writer
) -> None:
    writer.answer = PENDING
    await customers(shop)
    campaign_id = await propose(shop)
    async with shop.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE pipeline_variant SET opened_at = now() - interval '27 hours'")
    await wake(shop)
    await run.advance(shop, "alpha")
    assert await status(shop, campaign_id) == "waiting"
    [one] = (await used(shop, campaign_id)).values()
    assert (one.copy, one.fallback) == (module.ENGLISH, "pen had no words within 26 hours.")


async def test_a_crash_repeats_only_the_last_chunk(shop: Core, writer: module.Writer) -> None:
    await customers(shop, *SEGMENTS)
    scope, campaign = await decided(shop)
    writer.hangs_at = 2
    task = asyncio.create_task(writing.write(scope, campaign))
    await writer.reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [len(call) for call in writer.names] == [8, 3]
    assert len(await used(shop, campaign.id)) == 8
    writer.hangs_at = None
    await run.advance(shop, "alpha")
    assert writer.names[2:] == writer.names[1:2]
    assert await status(shop, campaign.id) == "waiting"
    assert len(await used(shop, campaign.id)) == len(SEGMENTS)


async def test_words_that_come_after_the_end_change_nothing(
    shop: Core, writer: module.Writer
) -> None:
    await customers(shop)
    scope, campaign = await decided(shop)
    async with scope.transaction() as ctx:
        await approvals.reject(ctx, campaign.id, "not now")
    assert not await writing.write(scope, campaign)
    assert writer.asked == []
    async with scope.transaction() as ctx:
        assert {one.source for one in await variants.listing(ctx, campaign.id)} == {"template"}


async def test_words_the_merchant_edited_meanwhile_stay(shop: Core, writer: module.Writer) -> None:
    await customers(shop)
    scope, campaign = await decided(shop)
    writer.answer = PENDING
    assert not await writing.write(scope, campaign)
    mine = msgspec.structs.replace(module.ENGLISH, subject="My own words")
    async with scope.transaction() as ctx:
        await approvals.edit(ctx, campaign.id, "friendly", mine)
    await wake(shop)
    await run.advance(shop, "alpha")
    assert await status(shop, campaign.id) == "waiting"
    assert (await used(shop, campaign.id))["friendly"].copy == mine


async def test_a_campaign_with_a_message_without_words_never_waits_for_approval(
    shop: Core,
) -> None:
    await customers(shop)
    scope, campaign = await decided(shop, "friendly.segment-nowhere")
    async with scope.transaction() as ctx:
        await run._decided(ctx, campaign)
    assert await status(shop, campaign.id) == "deciding"
    assert await writing.write(scope, campaign)
    async with scope.transaction() as ctx:
        await run._decided(ctx, campaign)
    assert await status(shop, campaign.id) == "waiting"


async def test_an_offer_is_told_in_the_language_and_its_end_only_if_it_has_one(
    templates_only: Core, writer: module.Writer
) -> None:
    await customers(templates_only, locale="de")
    scope, campaign = await decided(templates_only, "friendly.offer.segment-lost.de")
    assert await writing.write(scope, campaign)
    async with scope.transaction() as ctx:
        [message] = await messages.page(ctx, campaign.id)
        writer.slots = {"offer_code": "AB<C", "offer_value": "10 %", "offer_ends": "3. Dezember"}
        mail = await messages.preview(ctx, message.id)
        assert "Mit dem Code AB<C sparen Sie 10 % bei Ihrer nächsten Bestellung." in mail.text
        assert "Er gilt bis 3. Dezember." in mail.text
        assert "AB&lt;C" in mail.html
        writer.slots["offer_ends"] = ""
        mail = await messages.preview(ctx, message.id)
        assert "Bestellung.\n" in mail.text
        assert "Er gilt bis" not in mail.text + mail.html
        for nothing in ({}, {"offer_code": "", "offer_value": "", "offer_ends": ""}):
            writer.slots = nothing
            sample = await variants.preview(ctx, campaign.id, message.variant)
            assert "31 December" in sample.text
            with pytest.raises(Conflict, match="no offer for this message"):
                await messages.preview(ctx, message.id)
    [one] = (await used(templates_only, campaign.id)).values()
    assert (one.offer, one.segment, one.language) == (True, "Lost", "de")


async def test_a_brief_for_an_offer_has_its_slots_and_ends_only_when_urgent(
    shop: Core, writer: module.Writer
) -> None:
    await customers(shop)
    scope, campaign = await decided(shop)
    for name, ends in (("urgent.offer", True), ("friendly.offer", False)):
        async with scope.transaction() as ctx:
            await ctx.db.execute("UPDATE pipeline_message SET variant = $1", name)
        assert await writing.write(scope, campaign)
        [told] = writer.asked[-1]
        assert (told.offer, told.offer_ends, told.variant) == (True, ends, name)
        assert {"offer_code", "offer_value", "offer_ends"} <= set(told.slots)
        assert "offer_code" in told.fallback.body
    # What it wrote does not tell of the offer, so it is refused.
    assert "must hold" in (await used(shop, campaign.id))["friendly.offer"].fallback
