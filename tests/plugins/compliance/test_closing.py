"""An offer that was announced as ending is not announced again with a later end."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest

from kernel.contracts.decisions import Verdict
from kernel.testing.clock import TurnedClock
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers
from plugins.compliance.plugin import compliance_rules, erase_customer, export_customer
from plugins.discounts.slots import date_in_words
from tests.plugins.compliance.mails import mail

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

BODY = "Take {{ offer_value }} with {{ offer_code }} until {{ offer_ends }}."


async def sent(
    ctx: TenantScope,
    customer: int,
    ends: int,
    subject: str = "Last chance",
    body: str = BODY,
    state: str = "attempting",
    **slots: Any,
) -> Verdict:
    """What the gate says of a mail whose offer ends in so many days; it stands in the ledger as `state`."""
    [message] = await add_messages(ctx, await add_campaign(ctx), [customer], state=state)
    day = (ctx.now + timedelta(ends)).astimezone(ZoneInfo(ctx.tenant.timezone))
    offer = {
        "offer_code": f"CODE-{message.id.hex[:8].upper()}",
        "offer_value": "10 %",
        "offer_ends": date_in_words(day, slots.pop("locale", "en")),
    }
    made = mail(ctx, message, subject=subject, body=body, **{**offer, **slots})
    [verdict] = await compliance_rules(ctx, "handover", [made])
    return verdict


@pytest.mark.parametrize(
    ("first", "second", "locale"),
    [
        ("Last chance", "Last chance, again", "en"),
        ("Letzte Chance", "Nur bis {{ offer_ends }}", "de"),
        ("Dernière chance", "Jusqu'au {{ offer_ends }}", "fr"),
        ("10 % until {{ offer_ends }}", "La<b>st chance".replace("<b>", "\u200b"), "en"),
    ],
)
async def test_the_last_chance_comes_once(
    alpha: TenantScope, first: str, second: str, locale: str
) -> None:
    """UCPD Annex I no. 7."""
    one, other = await add_customers(alpha, 2)
    assert (await sent(alpha, one, 3, first, locale=locale)).outcome == "allowed"
    held = await sent(alpha, one, 10, second, locale=locale)
    assert (held.outcome, held.rule) == ("suppressed", "compliance.last_chance")
    end = (alpha.now + timedelta(3)).astimezone(ZoneInfo(alpha.tenant.timezone)).date()
    assert f"as ending on {end}" in held.reason and "Leave those words out" in held.reason
    assert (await sent(alpha, other, 10, second, locale=locale)).outcome == "allowed"


async def test_a_reminder_of_the_same_end_goes_out(alpha: TenantScope) -> None:
    [one] = await add_customers(alpha, 1)
    for days in (3, 3, 2):
        assert (await sent(alpha, one, days)).outcome == "allowed"


async def test_a_held_mail_is_no_announcement(alpha: TenantScope) -> None:
    """Neither what we held, nor what another rule did: the first end is still the one to keep."""
    one, other = await add_customers(alpha, 2)
    await sent(alpha, one, 3)
    assert (await sent(alpha, one, 10)).rule == "compliance.last_chance"
    assert (await sent(alpha, one, 3)).outcome == "allowed"
    await sent(alpha, other, 3, state="capped")
    assert (await sent(alpha, other, 10)).outcome == "allowed"


async def test_what_is_another_offer(alpha: TenantScope) -> None:
    [one] = await add_customers(alpha, 1)
    await sent(alpha, one, 3)
    assert (await sent(alpha, one, 10, offer_value="20 %")).outcome == "allowed"
    assert (await sent(alpha, one, 10, subject="For you")).outcome == "allowed"


async def test_terms_are_no_announcement(alpha: TenantScope) -> None:
    [one] = await add_customers(alpha, 1)
    await sent(alpha, one, 3, subject="For you")
    assert (await sent(alpha, one, 10)).outcome == "allowed"


async def test_a_shared_code_is_extended_for_everybody(alpha: TenantScope) -> None:
    one, other = await add_customers(alpha, 2)
    await sent(alpha, one, 3, offer_code="SUMMER25")
    held = await sent(alpha, other, 10, offer_code="SUMMER25", offer_value="11 %")
    assert held.rule == "compliance.last_chance"


async def test_after_some_time_it_is_a_new_offer(alpha: TenantScope, clock: TurnedClock) -> None:
    [one] = await add_customers(alpha, 1)
    await sent(alpha, one, 3)
    clock.turn(days=33)
    assert (await sent(alpha, one, 9)).rule == "compliance.last_chance"
    clock.turn(days=1)
    assert (await sent(alpha, one, 9)).outcome == "allowed"


async def test_the_end_is_a_day_of_the_shop(alpha: TenantScope, clock: TurnedClock) -> None:
    """At 23:30 UTC it is tomorrow in Berlin: what is said of today is said of that day."""
    [one] = await add_customers(alpha, 1)
    assert alpha.tenant.timezone == "Europe/Berlin"
    clock.turn(seconds=(datetime(2026, 11, 24, 23, 30, tzinfo=UTC) - alpha.now).total_seconds())
    body = "Your code is valid until tonight: {{ offer_value }}."
    for ends, outcome in (("24 November 2026", "suppressed"), ("25 November 2026", "allowed")):
        verdict = await sent(alpha, one, 0, "For you", body, offer_ends=ends)
        assert verdict.outcome == outcome


async def test_each_tenant_has_its_own(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx, 1)
        await sent(ctx, one, 3, offer_code="SUMMER25")

    async def elsewhere() -> None:
        async with core.tenant_scope("bravo") as ctx:
            [theirs] = await add_customers(ctx, 1)
            assert (await export_customer(ctx, one)).rows["compliance_closing"] == []
            assert (await erase_customer(ctx, one)).rows == 0
            assert (await sent(ctx, theirs, 10, offer_code="SUMMER25")).outcome == "allowed"
            raise RuntimeError("rolled back")

    with pytest.raises(RuntimeError, match="rolled back"):
        await elsewhere()
    async with core.tenant_scope("alpha") as ctx:
        assert len((await export_customer(ctx, one)).rows["compliance_closing"]) == 1


async def test_it_is_erased_with_the_customer(alpha: TenantScope) -> None:
    """GDPR Art. 17."""
    [one] = await add_customers(alpha, 1)
    await sent(alpha, one, 3)
    assert (await erase_customer(alpha, one)).rows == 1
    assert (await erase_customer(alpha, one)).rows == 0
    assert (await export_customer(alpha, one)).rows["compliance_closing"] == []
