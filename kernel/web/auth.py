"""Who is signed in: a single-use link from the terminal becomes a session in a signed cookie."""

from __future__ import annotations

import hmac
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from litestar import Request, get, post
from litestar.datastructures import Cookie
from litestar.response import Redirect, Template
from litestar.status_codes import HTTP_303_SEE_OTHER

from kernel.contracts.base import Frozen, new_id
from kernel.contracts.errors import Forbidden, KernelError
from kernel.web import signing
from kernel.web.visit import visit

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler

    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

LINK_LASTS = timedelta(minutes=30)
SESSION_LASTS = timedelta(hours=12)
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_RECORD = """
INSERT INTO tenancy_audit (tenant_id, actor, action, subject) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, action, subject) WHERE action LIKE 'session.%' DO NOTHING RETURNING id
"""
_RECORDED = """
SELECT 1 FROM tenancy_audit
WHERE tenant_id = $1 AND action = $2 AND subject = $3 AND action LIKE 'session.%'
"""


class Unauthenticated(KernelError):
    """Nobody is signed in."""

    code = "unauthenticated"
    status = 401


class Session(Frozen):
    """Who is signed in, to which tenant. Its id is that of the link it came from."""

    tenant: str
    actor: str
    id: str
    expires: datetime


def sign_in_link(core: Core, tenant: str, actor: str = "merchant") -> str:
    """An address that signs its first visitor in to `tenant` as `actor`, for half an hour."""
    claims = {"tenant": tenant, "actor": actor, "id": new_id().hex}
    token = signing.sign(core.links.secret, "link", claims, core.clock.now(), LINK_LASTS)
    return f"{core.links.base_url}/sign-in?token={token}"


def cookie_name(core: Core) -> str:
    """Of the session. It carries a digest of our key: two copies on one host do not mix."""
    name = f"mailwright_{signing.tag(core.links.secret, 'cookie', 'name')[:8]}"
    return f"__Host-{name}" if core.production else name


def session_cookie(core: Core, claims: dict[str, Any]) -> Cookie:
    """The signed cookie that makes its bearer the person in `claims`."""
    return Cookie(
        key=cookie_name(core),
        value=signing.sign(core.links.secret, "session", claims, core.clock.now(), SESSION_LASTS),
        max_age=int(SESSION_LASTS.total_seconds()),
        path="/",
        httponly=True,
        secure=core.production,
        samesite="lax",
    )


def session_of(core: Core, connection: ASGIConnection[Any, Any, Any, Any]) -> Session:
    """The session that the request's cookie carries.

    Raises:
        Unauthenticated: there is none, or it is forged or expired.
    """
    token = connection.cookies.get(cookie_name(core), "")
    try:
        claims = signing.verify(core.links.secret, "session", token, core.clock.now())
    except Forbidden as error:
        said = "Your session has ended." if error.code == "expired" else "You are not signed in."
        raise Unauthenticated(said, _how()) from error
    expires = datetime.fromtimestamp(claims.pop("exp"), UTC)
    return msgspec.convert({**claims, "expires": expires}, Session)


async def still_signed_in(ctx: TenantScope, session: Session) -> None:
    """Nothing, unless the session was ended.

    Raises:
        Unauthenticated: its bearer signed out.
    """
    if await ctx.db.fetchval(_RECORDED, ctx.tenant.id, "session.out", session.id):
        raise Unauthenticated("You have signed out.", _how())


def csrf_token(core: Core, session: Session) -> str:
    """What a form of this session must carry as `_csrf` (or a script as `X-CSRF-Token`)."""
    return signing.tag(core.links.secret, "csrf", session.id)


async def check_csrf(
    connection: ASGIConnection[Any, Any, Any, Any], _handler: BaseRouteHandler
) -> None:
    """A guard: refuses to change anything for a form that we did not give to this session."""
    here = visit(connection)
    if here.session is None or connection.scope.get("method") in SAFE:
        return
    sent = connection.headers.get("x-csrf-token", "")
    if not sent and isinstance(connection, Request):
        sent = str((await connection.form()).get("_csrf", ""))
    if not hmac.compare_digest(sent.encode(), csrf_token(here.core, here.session).encode()):
        raise Forbidden(
            "This form was not given out in your session; nothing was changed.",
            "Go back, reload the page and send it again.",
            code="csrf",
        )


@get("/sign-in", media_type="text/html")
async def ask(request: Request[Any, Any, Any], token: str = "") -> Template:
    """A page with one button. Asking changes nothing, so a link preview does not use the link up."""
    core: Core = request.app.state.core
    claims = _claims(core, token)
    async with core.tenant_scope(claims["tenant"]) as ctx:
        if await ctx.db.fetchval(_RECORDED, ctx.tenant.id, "session.in", claims["id"]):
            raise _used(claims["tenant"])
        return Template(
            "kernel/sign_in.html",
            context={"token": token, "tenant": ctx.tenant, "actor": claims["actor"]},
            headers={"Cache-Control": "no-store"},
        )


@post("/sign-in")
async def enter(request: Request[Any, Any, Any]) -> Redirect:
    """Uses the link up and begins a session."""
    core: Core = request.app.state.core
    origin = request.headers.get("origin", "null")
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden(f"Signing in was asked for by another site ({origin}).", code="csrf")
    claims = _claims(core, str((await request.form()).get("token", "")))
    async with core.tenant_scope(claims["tenant"], claims["actor"]) as ctx:
        if not await _record(ctx, "session.in", claims["id"]):
            raise _used(claims["tenant"])
    cookie = session_cookie(core, {k: claims[k] for k in ("tenant", "actor", "id")})
    return Redirect("/app/", status_code=HTTP_303_SEE_OTHER, cookies=[cookie])


@post("/sign-out")
async def leave(request: Request[Any, Any, Any]) -> Redirect:
    """Ends the session: its cookie is refused from now on, wherever a copy of it may be."""
    here = visit(request)
    if here.session is not None:
        await _record(here.ctx, "session.out", here.session.id)
    response = Redirect("/signed-out", status_code=HTTP_303_SEE_OTHER)
    response.delete_cookie(cookie_name(here.core), path="/")
    return response


@get("/signed-out", media_type="text/html")
async def left() -> Template:
    """A page that says so."""
    return Template("kernel/signed_out.html", context={"how": _how()})


async def _record(ctx: TenantScope, action: str, subject: str) -> bool:
    """True when this is the first time; the unique index decides between two at once."""
    return bool(await ctx.db.fetchval(_RECORD, ctx.tenant.id, ctx.actor, action, subject))


def _claims(core: Core, token: str) -> dict[str, Any]:
    try:
        return signing.verify(core.links.secret, "link", token, core.clock.now())
    except Forbidden as error:
        if error.code == "expired":
            said = "This sign-in link has expired."
        else:
            said = "This sign-in link is not valid: it is incomplete, or was not made here."
        raise Forbidden(said, _how(), code=error.code) from error


def _used(tenant: str) -> KernelError:
    return Forbidden("This sign-in link has been used already.", _how(tenant), code="used")


def _how(tenant: str = "TENANT") -> str:
    return f"Make a new link in the terminal: `mailwright login --tenant {tenant}`."
