"""New customers are greeted once, with true and friendly words."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.pipeline import audience
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers, add_order
from plugins.welcome.campaign import WELCOME, fill, opening
from tests.plugins import words

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.testing.clock import TurnedClock


async def invited(ctx: TenantScope) -> set[int]:
    sql, args = audience.members(WELCOME.audience, "welcome", ctx.tenant.id, ctx.now)
    return {row["id"] for row in await ctx.db.fetch(sql, *args)}


async def test_for_those_who_came_in_the_last_two_weeks(alpha: TenantScope) -> None:
    [new] = await add_customers(alpha, created_at=alpha.now - timedelta(days=13.9))
    await add_customers(alpha, created_at=alpha.now - timedelta(days=14.1))
    assert await invited(alpha) == {new}


@pytest.mark.parametrize("state", ["accepted", "skipped", "suppressed", "held_out"])
async def test_never_twice(core: Core, clock: TurnedClock, state: str) -> None:
    async with core.tenant_scope("alpha") as ctx:
        ids = await add_customers(ctx, created_at=ctx.now)
        await add_messages(ctx, await add_campaign(ctx), ids, state=state)
    for days in (1, 12):
        clock.turn(days=days)
        async with core.tenant_scope("alpha") as ctx:
            assert await invited(ctx) == set()


def test_all_tones_in_every_language() -> None:
    assert set(WELCOME.copies) == words.expected(WELCOME)


@pytest.mark.parametrize("variant", sorted(WELCOME.copies))
def test_the_words_are_complete_and_make_no_claims(variant: str) -> None:
    assert words.faults(WELCOME, variant) == []


def test_thanks_for_what_there_was() -> None:
    assert opening(0) == "Thank you for signing up."
    assert opening(1) == "Thank you for your first order with us."
    assert opening(2) == "Thank you for your orders with us."
    assert opening(1, "de-DE") == "Danke für Ihre erste Bestellung bei uns."
    assert opening(7, "fr") == "Merci pour vos commandes chez nous."
    assert opening(0, "sv") == "Thank you for signing up."


@pytest.mark.parametrize(
    "name", ["Ada", "<img src=x onerror=alert(1)>", "{{ opening }}", "", "A\r\nB: c"]
)
@pytest.mark.parametrize("tone", words.CALM)
async def test_renders_with_any_name(alpha: TenantScope, name: str, tone: str) -> None:
    ids = await add_customers(alpha, first_name=name)
    await add_order(alpha, ids[0], alpha.now - timedelta(days=1))
    batch = await add_messages(alpha, await add_campaign(alpha), ids)
    [message] = await rendered(alpha, batch, tone)
    assert message.rendered is not None
    assert "Thank you for your first order with us." in message.rendered.text
    assert "<img src=x" not in message.rendered.html
    assert message.rendered.text.count("Thank you for your first order") == 1
    assert "\n" not in message.rendered.subject


@pytest.mark.parametrize(
    ("name", "greeted"),
    [
        ("Win at www.evil.example", "there"),
        ("https://evil.example/x", "there"),
        ("evil.example", "there"),
        ("eve@evil.example", "there"),
        ("St.John", "St.John"),
        ("J. R. R.", "J. R. R."),
        ("Anne-Marie", "Anne-Marie"),
    ],
)
async def test_a_name_carries_no_link(alpha: TenantScope, name: str, greeted: str) -> None:
    ids = await add_customers(alpha, first_name=name)
    batch = await add_messages(alpha, await add_campaign(alpha), ids)
    [message] = await rendered(alpha, batch)
    assert message.rendered is not None
    assert f"Hello {greeted}," in message.rendered.text


async def test_other_campaigns_mails_are_left_alone(alpha: TenantScope) -> None:
    from kernel.contracts.delivery import MessageVars

    ids = await add_customers(alpha)
    batch = await add_messages(alpha, await add_campaign(alpha, "winback"), ids)
    values = [MessageVars(slots={"a": 1})]
    assert fill(batch, values) == values
