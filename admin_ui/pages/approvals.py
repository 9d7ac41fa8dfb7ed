"""Approvals: what waits for the merchant, one campaign at a time, by keys or by buttons."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Redirect, Template

from admin_ui.pages.campaigns import STATES, purpose
from admin_ui.view import Req, back, page, query, text_of
from kernel.contracts.base import Frozen
from kernel.pipeline import approvals, campaigns, messages, variants, why
from kernel.pipeline.campaigns import CampaignView
from kernel.sdk import Conflict, Context, InvalidInput

PATH = "/app/approvals"
QUEUE = 50
SAMPLE = 6
REASONS = (
    "The words are not ours",
    "The wrong customers",
    "The wrong moment",
    "The offer is too generous",
    "We send too much already",
)
"""What a merchant answers most often: the keys 1 to 5."""


class Place(Frozen):
    """Where the open campaign stands in the queue."""

    number: int
    previous: UUID | None
    next: UUID | None

    @property
    def following(self) -> UUID | None:
        """Which opens once this one is dealt with."""
        return self.next or self.previous


@get("/approvals")
async def queue(ctx: Context, request: Req, before: UUID | None = None) -> Template:
    """The queue, with its first campaign open."""
    waiting = await campaigns.page(ctx, "waiting", before, QUEUE + 1)
    return await _page(ctx, request, waiting, waiting[0] if waiting else None, before=before)


@get("/approvals/{campaign_id:uuid}")
async def one(
    ctx: Context,
    request: Req,
    campaign_id: UUID,
    variant: str = "",
    before: UUID | None = None,
) -> Response[Any]:
    """The queue, with this campaign open, or its own page where it waits no longer."""
    campaign = await campaigns.get(ctx, campaign_id)
    if campaign.status != "waiting":
        return Redirect(f"/app/campaigns/{campaign_id}")
    waiting = await campaigns.page(ctx, "waiting", before, QUEUE + 1)
    return await _page(ctx, request, waiting, campaign, variant, before)


@post("/approvals/{campaign_id:uuid}/approve")
async def approve(ctx: Context, request: Req, campaign_id: UUID) -> Redirect:
    """Let it go, and open the next."""
    following = (await _place(ctx, campaign_id)).following
    try:
        await approvals.approve(ctx, campaign_id)
    except Conflict as error:
        return back(request, PATH, str(error), "bad")
    return back(request, _to(following), "Approved. Messages go out as they fall due.")


@post("/approvals/{campaign_id:uuid}/reject")
async def reject(ctx: Context, request: Req, campaign_id: UUID) -> Response[Any]:
    """Refuse it with a reason, one of the buttons or typed, and open the next."""
    form = await request.form()
    reason = text_of(form, "preset") or text_of(form, "reason")
    following = (await _place(ctx, campaign_id)).following
    try:
        await approvals.reject(ctx, campaign_id, reason)
    except Conflict as error:
        return back(request, PATH, str(error), "bad")
    except InvalidInput as error:
        waiting = await campaigns.page(ctx, "waiting", limit=QUEUE + 1)
        campaign = await campaigns.get(ctx, campaign_id)
        return await _page(ctx, request, waiting, campaign, wrong=str(error))
    return back(request, _to(following), f"Rejected: {reason}. Nobody is written to.")


async def _page(
    ctx: Context,
    request: Req,
    waiting: list[CampaignView],
    campaign: CampaignView | None,
    variant: str = "",
    before: UUID | None = None,
    wrong: str = "",
) -> Template:
    shown = waiting[:QUEUE]
    found = await _open(ctx, request, campaign, variant) if campaign else {}
    return await page(
        request,
        "approvals.html",
        code=422 if wrong else 200,
        queue=shown,
        campaign=campaign,
        place=_placed(shown, campaign.id) if campaign else None,
        wrong=wrong,
        reasons=REASONS,
        first=PATH if before else "",
        more=query(PATH, before=shown[-1].id) if len(waiting) > QUEUE else "",
        **found,
    )


async def _open(ctx: Context, request: Req, campaign: CampaignView, variant: str) -> dict[str, Any]:
    """What the merchant has to see of the open campaign to decide."""
    sample = await messages.page(ctx, campaign.id, STATES["waiting"], limit=SAMPLE)
    listed = await variants.listing(ctx, campaign.id)
    words = [one for one in listed if one.messages or one.name == variant]
    chosen = next((one for one in words if one.name == variant), words[0] if words else None)
    used = await messages.using(ctx, campaign.id, chosen.name) if chosen else None
    shown = used or (sample[0] if sample else None)
    return {
        "sample": sample,
        "stories": await why.stories(ctx, [one.decision_id for one in sample if one.decision_id]),
        "segments": await messages.by_trait(ctx, campaign.id, "rfm.segment", STATES["waiting"]),
        "kept_out": await messages.reasons(ctx, [campaign.id], limit=4),
        "purpose": purpose(request, campaign),
        "variants": words,
        "chosen": chosen,
        "mail": shown,
        "rendered": await _rendered(ctx, shown.id, chosen.name) if shown and chosen else None,
    }


async def _rendered(ctx: Context, message_id: UUID, variant: str) -> Any:
    try:
        return await messages.preview(ctx, message_id, variant)
    except Conflict:
        return None


async def _place(ctx: Context, campaign_id: UUID) -> Place:
    return _placed(await campaigns.page(ctx, "waiting", limit=QUEUE), campaign_id)


def _placed(queue: list[CampaignView], campaign_id: UUID) -> Place:
    ids = [one.id for one in queue]
    if campaign_id not in ids:
        return Place(number=0, previous=None, next=ids[0] if ids else None)
    at = ids.index(campaign_id)
    return Place(
        number=at + 1,
        previous=ids[at - 1] if at else None,
        next=ids[at + 1] if at + 1 < len(ids) else None,
    )


def _to(campaign_id: UUID | None) -> str:
    return f"{PATH}/{campaign_id}" if campaign_id else PATH
