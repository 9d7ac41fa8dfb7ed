"""Clicks that others tell of: judged like our own, each once, and of nobody who is not counted."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from kernel.sdk import LinkFollowed
from plugins.tracking import told
from tests.plugins.tracking.test_tracking import HITS, OUTCOMES, content, forgotten, judged, mail

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock

__all__ = ["forgotten"]
HOME = "https://shop.example.com/"


async def follow(core: Core, tenant: str, *events: LinkFollowed) -> None:
    async with core.tenant_scope(tenant) as ctx:
        await told.followed(ctx, events)


async def click(core: Core, url: str = HOME, **fields: Any) -> LinkFollowed:
    message, _ = await mail(core, **fields)
    async with core.tenant_scope("alpha") as ctx:
        return LinkFollowed(
            occurred_at=ctx.now,
            message_id=message.id,
            customer_id=message.customer_id,
            url=url,
        )


async def test_a_click_is_kept_once_at_its_own_time_and_judged(
    core: Core, clock: TurnedClock
) -> None:
    first = await click(core)
    second = msgspec.structs.replace(first, occurred_at=first.occurred_at + timedelta(hours=1))
    clock.turn(hours=2)
    await follow(core, "alpha", first, first)
    await follow(core, "alpha", second, first)
    await judged(core, clock)
    assert await content(core, HITS) == [("human",), ("human",)]
    assert await content(core, "SELECT at FROM tracking_hit ORDER BY at") == [
        (first.occurred_at,),
        (second.occurred_at,),
    ]
    assert await content(core, OUTCOMES) == [(first.message_id, "clicked")]
    urls = await content(
        core, "SELECT url FROM tracking_link l JOIN tracking_hit h ON h.link_id = l.id"
    )
    assert {url.partition("?")[0] for (url,) in urls} == {HOME}
    assert all("utm_campaign=welcome" in url for (url,) in urls)


@pytest.mark.parametrize("fields", [{"tracking_consent": "denied"}, {"url": "javascript:x"}])
async def test_who_said_no_and_what_is_no_link_is_not_kept(
    core: Core, fields: dict[str, Any]
) -> None:
    await follow(core, "alpha", await click(core, **fields))
    assert await content(core, HITS) == []


async def test_mail_that_was_asked_for_is_not_counted(core: Core) -> None:
    event = await click(core)
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE pipeline_campaign SET urgent = true WHERE tenant_id = 'alpha'")
    await follow(core, "alpha", event)
    assert await content(core, HITS) == []


async def test_another_shops_mails_are_unknown(core: Core) -> None:
    event = await click(core)
    async with core.system_scope("test") as unit:
        before = await unit.fetchval("SELECT count(*) FROM tracking_link")
    await follow(core, "bravo", event)
    async with core.system_scope("test") as unit:
        assert await unit.fetchval("SELECT count(*) FROM tracking_hit") == 0
        assert await unit.fetchval("SELECT count(*) FROM tracking_link") == before
