"""What a merchant does to a campaign. Every handler is a POST that redirects."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec
from litestar import Response, get, post

from admin_ui.forms import Field, fields, read
from admin_ui.pages.campaigns import overview_page, slots
from admin_ui.view import Req, back, local_time, page, query, text_of
from kernel.pipeline import approvals, campaigns, compose, variants
from kernel.pipeline.campaigns import CampaignView
from kernel.sdk import Conflict, Context, Copy, InvalidInput, NotFound
from kernel.tenancy.checks import Fault, check_struct
from kernel.web.visit import visit

Form = Mapping[str, Any]
Act = Callable[[Context, UUID, Form], Awaitable[str]]


async def _approve(ctx: Context, campaign_id: UUID, form: Form) -> str:
    send_at = local_time(ctx, text_of(form, "send_at"))
    await approvals.approve(ctx, campaign_id, send_at)
    if send_at is None:
        return "Approved. Messages go out as they fall due."
    return f"Approved. Messages go out from {send_at:%-d %b %Y, %H:%M} on."


async def _reject(ctx: Context, campaign_id: UUID, form: Form) -> str:
    await approvals.reject(ctx, campaign_id, text_of(form, "reason"))
    return "Rejected. Nobody is written to, and the reason is kept."


async def _schedule(ctx: Context, campaign_id: UUID, form: Form) -> str:
    send_at = local_time(ctx, text_of(form, "send_at"))
    if send_at is None:
        raise InvalidInput("A new start needs a date and time.", "Choose one.")
    await approvals.schedule(ctx, campaign_id, send_at)
    return f"Scheduled for {send_at:%-d %b %Y, %H:%M}."


async def _pause(ctx: Context, campaign_id: UUID, form: Form) -> str:
    await approvals.pause(ctx, campaign_id, text_of(form, "reason"))
    return "Paused. Nothing is lost; resume it when you like."


async def _resume(ctx: Context, campaign_id: UUID, _form: Form) -> str:
    await approvals.resume(ctx, campaign_id)
    return "Resumed."


async def _cancel(ctx: Context, campaign_id: UUID, form: Form) -> str:
    await approvals.cancel(ctx, campaign_id, text_of(form, "reason"))
    return "Cancelled for good. What was sent stays sent; nobody else is written to."


ACTS: dict[str, Act] = {
    "approve": _approve,
    "reject": _reject,
    "schedule": _schedule,
    "pause": _pause,
    "resume": _resume,
    "cancel": _cancel,
}


@post("/campaigns/{campaign_id:uuid}/{act:str}")
async def act(ctx: Context, request: Req, campaign_id: UUID, act: str) -> Response[Any]:
    """Approve, reject, schedule, pause, resume or cancel."""
    if act not in ACTS:
        raise NotFound("There is no such page.")
    path = f"/app/campaigns/{campaign_id}"
    try:
        said = await ACTS[act](ctx, campaign_id, await request.form())
    except Conflict as error:  # it changed while the page was open
        return back(request, path, str(error), "bad")
    except InvalidInput as error:
        return await overview_page(ctx, request, campaign_id, code=422, **{act: str(error)})
    return back(request, path, said)


@post("/campaigns/{campaign_id:uuid}/exclude")
async def exclude(ctx: Context, request: Req, campaign_id: UUID) -> Response[Any]:
    """Leave the chosen customers out."""
    form = await request.form()
    path = f"/app/campaigns/{campaign_id}/messages"
    try:
        chosen = [int(str(value)) for value in form.getall("customer", [])]
    except ValueError as error:
        raise InvalidInput("These are no customers.", "Choose them in the list.") from error
    if not chosen:
        return back(request, path, "Choose the customers to leave out first.", "bad")
    try:
        count = await approvals.exclude(ctx, campaign_id, chosen, text_of(form, "reason"))
    except Conflict as error:
        return back(request, path, str(error), "bad")
    late = len(chosen) - count
    said = f"{count} left out."
    return back(request, path, f"{said} {late} had been handed over already." if late else said)


@get("/campaigns/{campaign_id:uuid}/copy/{variant:str}")
async def edit(
    ctx: Context, request: Req, campaign_id: UUID, variant: str, then: str = ""
) -> Response[Any]:
    """The form with the words of one variant; `then` is "approvals" for who came from there."""
    campaign = await campaigns.get(ctx, campaign_id)
    found = await _variant(ctx, campaign_id, variant)
    given = msgspec.to_builtins(found.copy)
    return await _edit_page(ctx, request, campaign, found, given, [], then)


@post("/campaigns/{campaign_id:uuid}/copy/{variant:str}")
async def save(
    ctx: Context, request: Req, campaign_id: UUID, variant: str, then: str = ""
) -> Response[Any]:
    """Keep new words, or show what is wrong with them beside each field."""
    campaign = await campaigns.get(ctx, campaign_id)
    found = await _variant(ctx, campaign_id, variant)
    given = read(Copy, await request.form(), {})
    if faults := _faults(request, campaign, given):
        return await _edit_page(ctx, request, campaign, found, given, faults, then, code=422)
    path = _after(campaign_id, variant, then)
    try:
        await approvals.edit(ctx, campaign_id, variant, msgspec.convert(given, Copy))
    except Conflict as error:
        return back(request, path, str(error), "bad")
    return back(request, path, f"The words of “{variant}” are saved.")


@post("/campaigns/{campaign_id:uuid}/copy/{variant:str}/restore")
async def restore(
    ctx: Context, request: Req, campaign_id: UUID, variant: str, then: str = ""
) -> Response[Any]:
    """Put the words of an earlier version back."""
    version = text_of(await request.form(), "version")
    if not version.isdecimal():
        raise InvalidInput("There is no such version.", "Choose one beside the words.")
    path = _after(campaign_id, variant, then)
    try:
        await variants.restore(ctx, campaign_id, variant, int(version[:9]))
    except Conflict as error:
        return back(request, path, str(error), "bad")
    return back(request, path, f"The words of version {version} are back.")


def _after(campaign_id: UUID, variant: str, then: str) -> str:
    """Where the merchant came from to edit."""
    if then == "approvals":
        return query(f"/app/approvals/{campaign_id}", variant=variant)
    return f"/app/campaigns/{campaign_id}/copy"


def _faults(request: Req, campaign: CampaignView, given: dict[str, Any]) -> list[Fault]:
    faults = check_struct(Copy, given)
    if faults:
        return faults
    owned = visit(request).core.board.campaign_types.get(campaign.campaign_type)
    own = owned.value.slots if owned else ()
    offer = variants.has_offer(request.path_params["variant"])
    problems = compose.check_copy(msgspec.convert(given, Copy), own, offer)
    return [Fault(path=name, message=text) for name, text in problems.items()]


async def _variant(ctx: Context, campaign_id: UUID, name: str) -> variants.Variant:
    for one in await variants.listing(ctx, campaign_id):
        if one.name == name:
            return one
    raise NotFound(f"The campaign has no variant “{name}”.", "See its copy.")


async def _edit_page(
    ctx: Context,
    request: Req,
    campaign: CampaignView,
    variant: variants.Variant,
    given: dict[str, Any],
    faults: list[Fault],
    then: str,
    *,
    code: int = 200,
) -> Response[Any]:
    return await page(
        request,
        "edit_copy.html",
        code=code,
        campaign=campaign,
        variant=variant,
        versions=await variants.versions(ctx, campaign.id, variant.name),
        leave=_after(campaign.id, variant.name, then),
        fields=[_described(one) for one in fields(Copy, given, faults)],
        slots=slots(request, campaign),
    )


_HELP = {
    "preheader": "The line that many inboxes show after the subject.",
    "body": "Paragraphs, divided by an empty line. Plain text: markup is shown, not obeyed.",
    "button": "What the button says; empty for none.",
    "link": "Where the button leads: an address that begins with https://, or {{ shop_url }}.",
}


def _described(field: Field) -> Field:
    return msgspec.structs.replace(field, help=_HELP.get(field.name, field.help))
