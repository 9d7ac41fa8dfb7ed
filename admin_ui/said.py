"""What a POST leaves behind before it redirects: one sentence, in a signed cookie, shown once."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Literal

from litestar.datastructures import Cookie

from kernel.sdk import Forbidden
from kernel.web import signing
from kernel.web.auth import cookie_name
from kernel.web.visit import visit

if TYPE_CHECKING:
    from litestar import Request

Tone = Literal["good", "bad"]
LASTS = timedelta(minutes=5)


def say(request: Request[Any, Any, Any], text: str, tone: Tone) -> Cookie:
    """The cookie that shows `text` on the next page."""
    core = visit(request).core
    claims = {"text": text, "tone": tone}
    value = signing.sign(core.links.secret, "said", claims, core.clock.now(), LASTS)
    return _cookie(request, value, int(LASTS.total_seconds()))


def hear(request: Request[Any, Any, Any]) -> tuple[list[tuple[str, str]], list[Cookie]]:
    """What the last answer said, and the cookie that forgets it; two empty lists for nothing."""
    core = visit(request).core
    forget = _cookie(request, "", 0)
    if not (token := request.cookies.get(forget.key)):
        return [], []
    try:
        said = signing.verify(core.links.secret, "said", token, core.clock.now())
    except Forbidden:
        return [], [forget]
    return [(said["text"], said["tone"])], [forget]


def _cookie(request: Request[Any, Any, Any], value: str, seconds: int) -> Cookie:
    core = visit(request).core
    return Cookie(
        key=f"{cookie_name(core)}_said",
        value=value,
        max_age=seconds,
        path="/",
        httponly=True,
        secure=core.production,
        samesite="lax",
    )
