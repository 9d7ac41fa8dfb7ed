"""The frozen frame of a campaign's decisions: tenant, settings and possible actions, stored once.

Decisions refer to it by digest, so that a replay sees exactly what the deciders saw, though the
merchant has changed settings since.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.base import Frozen, canonical, digest
from kernel.contracts.campaigns import Campaign, CampaignType
from kernel.contracts.decisions import Action, DecideContext
from kernel.contracts.errors import Conflict, NotFound
from kernel.contracts.tenancy import Tenant
from kernel.tenancy.scope import read_settings

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.plugboard.board import Plugboard

URGENT = "urgent"


class Frame(Frozen):
    """What is stored: plain data, and the version of each plugin that could speak."""

    tenant: Tenant
    campaign: Campaign
    actions: tuple[Action, ...]
    settings: dict[str, Any]
    plugins: dict[str, str]
    expires_at: datetime | None = None


def possible(kind: CampaignType, guarded: bool) -> tuple[Action, ...]:
    """Every action on an occasion of this type: not to send, and each tone, without an offer and with
    each of the type's. A transactional type has one alone: to send.

    Args:
        kind: the campaign type.
        guarded: whether a plugin guards offers; where none does, none can be made. What is urgent ends,
            and only offers end.
    """
    tones = sorted({variant.partition(".")[0] for variant in kind.copies})
    sends = [
        Action(send=True, campaign_type=kind.name, tone=tone, offer=offer)
        for tone in tones
        for offer in ("", *(kind.offers if guarded else ()))
        if offer or tone != URGENT
    ]
    if kind.transactional:  # asked for: there is nothing to decide, and nothing to promote
        return tuple(one for one in sends if not one.offer)[:1]
    return (Action(send=False), *sends)


async def store(
    ctx: Context, campaign: Campaign, kind: CampaignType, expires_at: datetime | None = None
) -> str:
    """Keep the frame of a new campaign; returns its digest."""
    board: Plugboard = ctx.core.board  # type: ignore[attr-defined]
    frame = Frame(
        tenant=msgspec.structs.replace(
            ctx.tenant,
            clock_at=None,
            halted_at=None,
            halted_reason="",
            plugins={},
            # Nobody is held out of what they asked for.
            holdout_percent=0.0 if kind.transactional else ctx.tenant.holdout_percent,
        ),
        campaign=msgspec.structs.replace(campaign, status="deciding"),
        actions=possible(kind, bool(board.plans("adjust_decisions", ctx.enabled).steps)),
        settings=msgspec.to_builtins(ctx.all_settings()),  # type: ignore[attr-defined]
        plugins={name: board.plugins[name].manifest.version for name in sorted(ctx.enabled)},
        expires_at=expires_at,
    )
    name = digest(frame)
    await ctx.db.execute(
        """INSERT INTO pipeline_context (tenant_id, digest, content) VALUES ($1, $2, $3)
           ON CONFLICT DO NOTHING""",
        ctx.tenant.id,
        name,
        canonical(frame).decode(),
    )
    return name


async def load(ctx: Context, name: str) -> Frame:
    """The frame with this digest; raises NotFound."""
    content = await ctx.db.fetchval(
        "SELECT content::text FROM pipeline_context WHERE tenant_id = $1 AND digest = $2",
        ctx.tenant.id,
        name,
    )
    if content is None:
        raise NotFound(f"The frame {name[:12]} of the decision is not stored.")
    return msgspec.json.decode(content, type=Frame)


def context(board: Plugboard, frame: Frame, now: datetime) -> DecideContext:
    """What deciders are given: the frame with settings as Structs, at the time `now`.

    Raises:
        Conflict: a plugin that decided then is not installed now.
    """
    missing = sorted(set(frame.plugins) - set(board.plugins))
    if missing:
        raise Conflict(
            f"The decision was made with plugins that are not installed: {', '.join(missing)}.",
            "Install them to replay it.",
        )
    settings = {
        name: read_settings(name, board.plugins[name].manifest.settings, raw)
        for name, raw in frame.settings.items()
    }
    return DecideContext(
        tenant=frame.tenant,
        campaign=frame.campaign,
        now=now,
        actions=frame.actions,
        settings=settings,
        expires_at=frame.expires_at,
    )
