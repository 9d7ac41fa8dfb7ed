"""Campaigns: the list, and one campaign with its law, its people, its words and its messages."""

from __future__ import annotations

from typing import Any, get_args
from uuid import UUID

from litestar import get
from litestar.response import Template

from admin_ui.panels import draw
from admin_ui.preview import findings, parts
from admin_ui.view import Req, page, query
from kernel.contracts.campaigns import CampaignStatus
from kernel.pipeline import approvals, campaigns, compose, messages, progress, variants, why
from kernel.pipeline.campaigns import CampaignView
from kernel.sdk import Context, InvalidInput
from kernel.web.visit import visit

PAGE = 20
MESSAGES = 50
STATUSES = get_args(CampaignStatus)
LAW = (
    "audience", "sent", "waiting", "deferred", "skipped", "held_out", "suppressed", "capped",
    "failed", "unknown",
)  # fmt: skip
STATES = {
    "waiting": ("candidate", "planned", "attempting"),
    "sent": ("accepted", "delivered", "bounced"),
    "deferred": ("deferred",),
    "skipped": ("skipped", "cancelled"),
    "held_out": ("held_out",),
    "suppressed": ("suppressed",),
    "capped": ("capped",),
    "failed": ("rejected",),
    "unknown": ("unknown",),
}
"""The law's words for the ledger's states."""


@get("/campaigns")
async def listing(
    ctx: Context, request: Req, status: str = "", before: UUID | None = None
) -> Template:
    """Newest first, each with its law, and the sums of those on the page."""
    if status and status not in STATUSES:
        raise InvalidInput(f"There is no status “{status}”.", "Choose one above the list.")
    found = await campaigns.page(ctx, status, before, PAGE + 1)
    shown = found[:PAGE]
    return await page(
        request,
        "campaigns.html",
        campaigns=shown,
        sums={key: sum(getattr(one.law, key) for one in shown) for key in LAW},
        statuses=STATUSES,
        status=status,
        first=query("/app/campaigns", status=status) if before else "",
        next=query("/app/campaigns", status=status, before=shown[-1].id)
        if len(found) > PAGE
        else "",
    )


@get("/campaigns/{campaign_id:uuid}")
async def overview(ctx: Context, request: Req, campaign_id: UUID) -> Template:
    """Why it was proposed, where everybody is, and what the merchant can do."""
    return await overview_page(ctx, request, campaign_id)


async def overview_page(
    ctx: Context, request: Req, campaign_id: UUID, *, code: int = 200, **wrong: str
) -> Template:
    """The overview; `wrong` holds a sentence for each form that was not accepted, by action."""
    campaign = await campaigns.get(ctx, campaign_id)
    sample = await messages.page(ctx, campaign_id, STATES["waiting"] + STATES["sent"], limit=6)
    decided = [one.decision_id for one in sample if one.decision_id]
    return await page(
        request,
        "campaign.html",
        code=code,
        tab="overview",
        campaign=campaign,
        sample=sample,
        stories=await why.stories(ctx, decided),
        reasons=await messages.reasons(ctx, [campaign_id]),
        history=await approvals.history(ctx, campaign_id),
        actions=actions(ctx, campaign),
        going=await progress.progress(ctx, campaign_id)
        if campaign.status in ("sending", "paused")
        else None,
        purpose=purpose(request, campaign),
        panels=await draw(request, "campaign", campaign),
        wrong=wrong,
    )


def actions(ctx: Context, campaign: CampaignView) -> frozenset[str]:
    """What may be done with the campaign as it stands; the service decides again."""
    not_begun = campaign.send_at is not None and campaign.send_at > ctx.now
    allowed: dict[str, set[str]] = {
        "deciding": {"reject"},
        "waiting": {"approve", "reject"},
        "sending": {"pause", "cancel"} | ({"schedule"} if not_begun else set()),
        "paused": {"resume", "schedule", "cancel"},
    }
    return frozenset(allowed.get(campaign.status, ()))


def purpose(request: Req, campaign: CampaignView) -> str:
    """What its type does for the shop, in a sentence; empty where the plugin is gone."""
    owned = visit(request).core.board.campaign_types.get(campaign.campaign_type)
    return owned.value.purpose if owned else ""


@get("/campaigns/{campaign_id:uuid}/messages")
async def ledger(
    ctx: Context, request: Req, campaign_id: UUID, place: str = "", after: int = 0
) -> Template:
    """Its rows of the ledger, by customer; those not yet sent can be left out."""
    if place and place not in STATES:
        raise InvalidInput(f"There is no place “{place}”.", "Choose one above the list.")
    campaign = await campaigns.get(ctx, campaign_id)
    found = await messages.page(ctx, campaign_id, STATES.get(place, ()), after, MESSAGES + 1)
    shown = found[:MESSAGES]
    path = f"/app/campaigns/{campaign_id}/messages"
    return await page(
        request,
        "messages.html",
        stories=await why.stories(ctx, [one.decision_id for one in shown if one.decision_id]),
        tab="messages",
        campaign=campaign,
        messages=shown,
        place=place,
        open=campaign.status in ("deciding", "waiting", "sending", "paused"),
        first=query(path, place=place) if after else "",
        next=query(path, place=place, after=shown[-1].customer_id) if len(found) > MESSAGES else "",
    )


@get("/campaigns/{campaign_id:uuid}/copy")
async def words(ctx: Context, request: Req, campaign_id: UUID) -> Template:
    """The words of every variant, each with a way to change them."""
    campaign = await campaigns.get(ctx, campaign_id)
    listed = await variants.listing(ctx, campaign_id)
    return await page(
        request,
        "copy.html",
        tab="copy",
        campaign=campaign,
        variants=listed,
        findings=await findings(ctx, campaign_id, listed),
        samples=await _samples(ctx, campaign_id),
        slots=slots(request, campaign),
        open=campaign.status in ("deciding", "waiting", "sending", "paused"),
    )


@get("/campaigns/{campaign_id:uuid}/preview")
async def preview(ctx: Context, request: Req, campaign_id: UUID) -> Template:
    """The mail of a variant as customers see it, and what is wrong with it."""
    campaign = await campaigns.get(ctx, campaign_id)
    listed = await variants.listing(ctx, campaign_id)
    here = f"/app/campaigns/{campaign_id}/preview"
    shown = await parts(ctx, request, campaign, listed, here)
    return await page(request, "campaign_preview.html", tab="preview", campaign=campaign, **shown)


def slots(request: Req, campaign: CampaignView) -> list[tuple[str, str]]:
    """Every slot the words may hold, and what fills it."""
    owned = visit(request).core.board.campaign_types.get(campaign.campaign_type)
    own = owned.value.slots if owned else ()
    known = [(name, _SLOTS.get(name, "")) for name in compose.SLOTS]
    if variants.has_offer(request.path_params.get("variant", "")):
        known += [(name, _SLOTS[name]) for name in variants.OFFER_SLOTS]
    return known + [(name, f"from {campaign.plugin}") for name in own]


_SLOTS: dict[str, str] = {
    "first_name": "the customer's, or “there”",
    "last_name": "the customer's",
    "shop_name": "your shop",
    "shop_url": "your website",
    "sender_name": "who the mail is from",
    "postal_address": "your address",
    "offer_code": "the customer's own code",
    "offer_value": "what it takes off, such as 10 % or 5.00 EUR",
    "offer_ends": "the date it ends; sentences with it are left out where it does not",
}


async def _samples(ctx: Context, campaign_id: UUID) -> dict[str, Any]:
    """A message that uses each variant, to be looked at, by variant."""
    found = await messages.page(ctx, campaign_id, STATES["waiting"] + STATES["sent"], limit=100)
    return {one.variant: one for one in reversed(found) if one.variant}
