"""What every page shares: the frame, the way back after a POST, and reading small inputs."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from litestar import Request
from litestar.response import Redirect, Template
from litestar.status_codes import HTTP_303_SEE_OTHER

from admin_ui.said import Tone, hear, say
from kernel.pipeline import campaigns
from kernel.sdk import Context, InvalidInput
from kernel.web.formats import Formats
from kernel.web.visit import visit

if TYPE_CHECKING:
    from collections.abc import Mapping

    from litestar.datastructures import FormMultiDict

Req = Request[Any, Any, Any]


async def page(request: Req, template: str, *, code: int = 200, **context: Any) -> Template:
    """The page `admin_ui/<template>` in the frame, with `f` to write numbers and times."""
    ctx: Context = visit(request).ctx
    said, cookies = hear(request)
    frame = {"to_approve": await campaigns.count(ctx, "waiting"), "said": said}
    return Template(
        f"admin_ui/{template}",
        context={"f": Formats(ctx), "tenant": ctx.tenant, **frame, **context},
        status_code=code,
        cookies=cookies,
    )


def back(request: Req, path: str, said: str = "", tone: Tone = "good") -> Redirect:
    """To `path` after a POST, where the sentence is shown."""
    cookies = [say(request, said, tone)] if said else []
    return Redirect(path, status_code=HTTP_303_SEE_OTHER, cookies=cookies)


def query(path: str, **values: object) -> str:
    """`path` with those of the values that are not empty."""
    given = {name: str(value) for name, value in values.items() if value not in ("", None, ())}
    return f"{path}?{urlencode(given)}" if given else path


def lists(form: FormMultiDict) -> dict[str, list[str]]:
    """Every name of a form with all its values, as text."""
    return {name: [str(value) for value in form.getall(name)] for name in form}


def local_time(ctx: Context, text: str) -> datetime | None:
    """What a `datetime-local` input says, in the tenant's time zone; None when it is empty.

    Raises:
        InvalidInput: it is no time.
    """
    if not text:
        return None
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(ctx.tenant.timezone))
    except ValueError as error:
        raise InvalidInput(
            f"“{text}” is no date and time.", "Choose one from the calendar."
        ) from error


def text_of(form: Mapping[str, Any], name: str) -> str:
    """A form's field as trimmed text, empty when it is missing."""
    return str(form.get(name, "")).strip()
