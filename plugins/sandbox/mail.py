"""What customers do about the mails they get: decided at hand-over, done in their own time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from kernel.sdk import Context, Event, MessagesAccepted
from plugins.sandbox import post, repo, response
from plugins.sandbox.manifest import SandboxSettings
from plugins.sandbox.people import make_people
from plugins.sandbox.seasons import day_number, stream

KINDS = ("click", "order", "leave", "complain")
STORED = {"leave": "unsubscribe"}


async def accepted(ctx: Context, events: Sequence[Event]) -> None:
    """Each mail, once: arrives or comes back, tires its reader, and plans what they will do. Changes nothing for tenants
    without a pretend shop.
    """
    if not await ctx.db.fetchval("SELECT 1 FROM sandbox_shop WHERE tenant_id = $1", ctx.tenant.id):
        return
    world = await repo.world(ctx)
    for event in cast("Sequence[MessagesAccepted]", events):
        new = await repo.got_mail(ctx, event.message_ids, event.customer_ids)
        if new:
            await _react(ctx, world, event.campaign_type, new)


async def _react(
    ctx: Context, world: repo.World, campaign_type: str, rows: Sequence[tuple[UUID, int]]
) -> None:
    settings = ctx.settings(SandboxSettings)
    people = make_people(world.seed, world.customers, world.country, world.timezone)
    state = await repo.state(ctx)
    everyone = [(message_id, number - 1) for message_id, number in rows]
    await post.arrived(
        ctx,
        [(one, int(state.customer_id[place]), not people.dead[place]) for one, place in everyone],
    )
    rows = sorted((row for row in rows if not people.dead[row[1] - 1]), key=lambda row: row[1])
    who = np.array([number for _, number in rows], dtype=np.int64) - 1
    now = ctx.now.timestamp()
    local = ctx.now.astimezone(ZoneInfo(world.timezone))
    tired = response.fatigue_after(
        state.fatigue[who], np.nan_to_num(now - state.fatigue_at[who]) / 86400
    )
    since = np.nan_to_num(now - state.last_order[who], nan=0.0) / 86400
    draws = stream(world.seed, "mail", day_number(local.date()), campaign_type).random(
        (len(people), response.DRAWS)
    )
    reactions = response.react(
        people,
        who,
        hour=(local.hour + local.minute / 60 + people.shift[who]) % 24,
        fatigue=tired + 1.0,
        needed=response.need(people, who, state.bought[who], since, state.lost[who]),
        draws=draws[who],
        effect=settings.effect,
        annoyance=settings.annoyance,
    )
    quiet = ctx.now + timedelta(days=response.PUT_OFF_DAYS)
    await repo.tire(ctx, who + 1, tired + 1.0, reactions.put_off, quiet)
    await repo.plan_reactions(ctx, _planned(rows, reactions, ctx.now))


def _planned(
    rows: Sequence[tuple[UUID, int]], reactions: response.Reactions, now: datetime
) -> list[tuple[UUID, str, int, datetime]]:
    planned = []
    for kind in KINDS:
        delays = getattr(reactions, kind)
        for place in np.flatnonzero(~np.isnan(delays)).tolist():
            message_id, number = rows[place]
            at = now + timedelta(days=float(delays[place]))
            planned.append((message_id, STORED.get(kind, kind), number, at))
    return planned
