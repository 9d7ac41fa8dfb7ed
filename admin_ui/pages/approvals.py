"""Approvals: what waits for the merchant, one campaign at a time, by keys or by buttons."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from litestar import Response, get, post
from litestar.response import Redirect, Template

from admin_ui.pages.campaigns import STATES, purpose
from admin_ui.preview import answer, look_of, parts
from admin_ui.view import Req, back, page, query, text_of
from kernel.contracts.base import Frozen
from kernel.pipeline import (
    approvals,
    autonomy,
    campaigns,
    effect,
    messages,
    shadow,
    undoing,
    variants,
    why,
)
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
    before: UUID | None = None,
) -> Response[Any]:
    """The queue, with this campaign open, or its own page where it waits no longer."""
    campaign = await campaigns.get(ctx, campaign_id)
    if campaign.status != "waiting":
        return Redirect(f"/app/campaigns/{campaign_id}")
    waiting = await campaigns.page(ctx, "waiting", before, QUEUE + 1)
    return await _page(ctx, request, waiting, campaign, before)


@get("/approvals/{campaign_id:uuid}/mail")
async def mail(ctx: Context, request: Req, campaign_id: UUID, variant: str = "") -> Response[str]:
    """The mail of a variant alone, as the address says: without images, dark, as plain text."""
    return answer(await variants.preview(ctx, campaign_id, variant), look_of(request))


@post("/approvals/{campaign_id:uuid}/approve")
async def approve(ctx: Context, request: Req, campaign_id: UUID) -> Redirect:
    """Let it go, a minute from now, and open the next."""
    following = (await _place(ctx, campaign_id)).following
    try:
        await approvals.approve(ctx, campaign_id, undo=undoing.WITHIN)
    except Conflict as error:
        return back(request, PATH, str(error), "bad")
    return Redirect(_to(following), status_code=303)


@post("/approvals/{campaign_id:uuid}/reject")
async def reject(ctx: Context, request: Req, campaign_id: UUID) -> Response[Any]:
    """Refuse it with a reason, one of the buttons or typed, and open the next."""
    form = await request.form()
    reason = text_of(form, "preset") or text_of(form, "reason")
    following = (await _place(ctx, campaign_id)).following
    try:
        await approvals.reject(ctx, campaign_id, reason[:300])
    except Conflict as error:
        return back(request, PATH, str(error), "bad")
    except InvalidInput as error:
        waiting = await campaigns.page(ctx, "waiting", limit=QUEUE + 1)
        campaign = await campaigns.get(ctx, campaign_id)
        return await _page(ctx, request, waiting, campaign, wrong=str(error))
    return Redirect(_to(following), status_code=303)


@post("/approvals/confident")
async def approve_confident(ctx: Context, request: Req) -> Redirect:
    """Approve all that one click may approve."""
    if not await autonomy.approve_confident(ctx):
        said = "None of them can be approved by one click. Each says why it needs a look."
        return back(request, PATH, said, "bad")
    return Redirect(PATH, status_code=303)


@post("/approvals/undo")
async def undo(ctx: Context, request: Req) -> Redirect:
    """Take back what was just done to the campaigns of the form."""
    form = await request.form()
    try:
        chosen = [UUID(str(value)) for value in form.getall("campaign", [])][:QUEUE]
    except ValueError as error:
        raise InvalidInput("There is no such campaign.", "Choose one in the list.") from error
    try:
        for campaign_id in chosen:
            await autonomy.undo(ctx, campaign_id)
    except Conflict as error:
        return back(request, PATH, str(error), "bad")
    to = _to(chosen[0] if chosen else None)
    return back(request, to, "Taken back. Nothing went out, and it waits again.")


async def _page(
    ctx: Context,
    request: Req,
    waiting: list[CampaignView],
    campaign: CampaignView | None,
    before: UUID | None = None,
    wrong: str = "",
) -> Template:
    shown = waiting[:QUEUE]
    sure = {one.campaign_id: one for one in await autonomy.waiting(ctx)}
    found = await _open(ctx, request, campaign) if campaign else {}
    return await page(
        request,
        "approvals.html",
        code=422 if wrong else 200,
        queue=shown,
        campaign=campaign,
        place=_placed(shown, campaign.id) if campaign else None,
        sure=sure,
        ready=sum(one.ready for one in sure.values()),
        undoable=_last(await undoing.lately(ctx)),
        wrong=wrong,
        reasons=REASONS,
        first=PATH if before else "",
        more=query(PATH, before=shown[-1].id) if len(waiting) > QUEUE else "",
        **found,
    )


async def _open(ctx: Context, request: Req, campaign: CampaignView) -> dict[str, Any]:
    """What the merchant has to see of the open campaign to decide."""
    sample = await messages.page(ctx, campaign.id, STATES["waiting"], limit=SAMPLE)
    listed = await variants.listing(ctx, campaign.id)
    return {
        "sample": sample,
        "stories": await why.stories(ctx, [one.decision_id for one in sample if one.decision_id]),
        "segments": await messages.by_trait(ctx, campaign.id, "rfm.segment", STATES["waiting"]),
        "kept_out": await messages.reasons(ctx, [campaign.id], limit=4),
        "purpose": purpose(request, campaign),
        "expected": await effect.expected(ctx, campaign.id),
        "shadow": await shadow.of(ctx, campaign.id),
        **await parts(ctx, request, campaign, listed, f"{PATH}/{campaign.id}"),
    }


def _last(acts: list[undoing.Undoable]) -> list[undoing.Undoable]:
    """The last act; several campaigns that were approved by one click are one act."""
    if not acts or not acts[0].at_once:
        return acts[:1]
    return [act for act in acts if act.at_once and act.at == acts[0].at]


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
