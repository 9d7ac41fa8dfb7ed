"""The pages of the suppression list, for signed-in merchants. No address stands in a list or a link: who is
looked up is typed, and posted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from litestar import Request, get, post
from litestar.response import Redirect, Template

from kernel.sdk import (
    Context,
    Formats,
    InvalidInput,
    NotFound,
    find_customer,
    record_audit,
    suppress,
    suppressed,
    suppression_page,
    unsuppress,
)
from plugins.compliance.consent import SUPPRESSED, plausible
from plugins.compliance.preferences import TOPICS

if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/app/x/compliance/suppressions"
PAGE = 50
LIFTED_FOR = {
    "asked": "The customer asked for mails again",
    "works": "The address works again",
    "mistake": "It was put here by mistake",
}
"""Why an entry is lifted. A choice and no free text: it stands on the audit trail for ever."""
SAID = {
    "added": "The address is on the list. Nothing is sent to it any more.",
    "lifted": "The entry is lifted. Whether mails may be sent again is still a matter of consent.",
    "none": "There was nothing to lift.",
}


@get("/suppressions")
async def suppressions(ctx: Context, after: str = "", said: str = "") -> Template:
    """`GET /app/x/compliance/suppressions`: the list, the newest first."""
    told = [(SAID[said], "bad" if said == "none" else "good")] if said in SAID else []
    return await _page(ctx, after=after, said=told)


@post("/suppressions/look-up", status_code=200)
async def look_up(ctx: Context, request: Request[Any, Any, Any]) -> Template:
    """Every entry of the address that was typed."""
    email = _address(await request.form())
    found = await suppressed(ctx, [email], ignore_unreadable=True)
    return await _page(ctx, asked=email, found=found.get(email, []))


@post("/suppressions/add")
async def add(ctx: Context, request: Request[Any, Any, Any]) -> Redirect:
    """Nothing more to the address that was typed, from now on."""
    email = _address(await request.form())
    customer = await _customer(ctx, email)
    await suppress(ctx, email, "manual")
    await record_audit(ctx, "suppression.added", customer, reason="manual")
    return _back("added")


@post("/suppressions/lift")
async def lift(ctx: Context, request: Request[Any, Any, Any]) -> Redirect:
    """Take one entry of an address off the list, with a reason that is kept."""
    form = await request.form()
    email, topic, why = _address(form), str(form.get("topic", "")), str(form.get("why", ""))
    if why not in LIFTED_FOR or (topic and topic not in TOPICS):
        raise InvalidInput("An entry is lifted with a reason.", "Go back and choose one.")
    listed = (await suppressed(ctx, [email], ignore_unreadable=True)).get(email, [])
    entry = next((one for one in listed if one.topic == topic), None)
    if entry is None or not await unsuppress(ctx, email, topic=topic):
        return _back("none")
    await record_audit(
        ctx,
        "suppression.lifted",
        await _customer(ctx, email),
        reason=why,
        topic=topic,
        was=entry.reason,
        since=entry.at.isoformat(),
    )
    return _back("lifted")


async def _page(
    ctx: Context,
    after: str = "",
    asked: str = "",
    found: Sequence[Any] = (),
    said: Sequence[tuple[str, str]] = (),
) -> Template:
    page = await suppression_page(ctx, after, PAGE)
    return Template(
        "compliance/suppressions.html",
        context={
            "f": Formats(ctx),
            "path": PATH,
            "lines": page.lines,
            "asked": asked,
            "found": found,
            "reasons": SUPPRESSED,
            "whys": LIFTED_FOR,
            "said": said,
            "first": PATH if after else "",
            "next": f"{PATH}?{urlencode({'after': page.next})}" if page.next else "",
        },
        headers={"Cache-Control": "no-store"},
    )


def _address(form: Any) -> str:
    email = str(form.get("email", "")).strip()
    if not plausible(email):
        raise InvalidInput("That is not an e-mail address.", "Go back and type the whole address.")
    return email


async def _customer(ctx: Context, email: str) -> str:
    """The id of who has the address; empty where nobody does."""
    try:
        return str(await find_customer(ctx, email))
    except NotFound:
        return ""


def _back(said: str) -> Redirect:
    return Redirect(f"{PATH}?said={said}", status_code=303)
