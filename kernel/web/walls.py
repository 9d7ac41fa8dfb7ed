"""The walls around a mounted route: who asks, is the plugin on, one transaction, one time limit."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from litestar import Request
from litestar.enums import ScopeType
from litestar.exceptions import InternalServerException

from kernel.contracts.errors import KernelError, NotFound, Unavailable
from kernel.tenancy import audit
from kernel.web.auth import SAFE, Session, session_of, still_signed_in
from kernel.web.errors import answer
from kernel.web.visit import Visit

if TYPE_CHECKING:
    from litestar.types import ASGIApp, HTTPReceiveMessage, Message, Receive, Scope, Send

    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope

DEADLINE = 30.0
"""Seconds until an answer must begin: a route that hangs would keep its connection for ever."""
BODY_DEADLINE = 15.0
"""Seconds in which the body of a request must be here."""


_TENANT = re.compile(r"[a-z][a-z0-9-]{1,39}")


class Unfinished(KernelError):
    """The body of a request did not come to its end."""

    code = "unfinished"
    status = 408


class _Undo(Exception):
    """The answer is an error, so nothing of the request may stay."""


def wall(plugin: str, *, public: bool = False) -> Callable[[ASGIApp], ASGIApp]:
    """Middleware that lets a request through to `plugin` in a tenant scope, or raises.

    What a signed-in person changes is on the audit trail, whichever plugin's page it was. A safe method
    gets a transaction that Postgres keeps read-only, so that GET cannot change state. The body of another
    is read before the transaction begins: whoever posts slowly, or never ends, holds no connection. Its
    answer is held back until the transaction is committed, so that a browser never follows a redirect to
    something not yet there.

    Args:
        plugin: whose routes they are; empty for the kernel's own.
        public: the tenant is named in the path, instead of by the session.
    """

    def around(app: ASGIApp) -> ASGIApp:
        async def walled(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != ScopeType.HTTP:
                raise _no_page()
            core: Core = scope["litestar_app"].state.core
            request: Request[Any, Any, Any] = Request(scope, receive, send)
            session = None if public else session_of(core, request)
            tenant = scope["path_params"]["tenant_id"] if session is None else session.tenant
            if not _TENANT.fullmatch(tenant):
                raise _no_page()
            actor = "visitor" if session is None else session.actor
            held: list[Message] = []
            if scope.get("method") not in SAFE:
                receive = _again(await _body(request), receive)
            try:
                async with core.tenant_scope(tenant, actor) as ctx:
                    with structlog.contextvars.bound_contextvars(plugin=plugin or "kernel"):
                        visit = await _let_in(core, ctx, plugin, session, request)
                        await _run(app, visit, scope, receive, send, held)
                        if session is not None and scope.get("method") not in SAFE:
                            await audit.record(ctx, "page.posted", scope["path"])
            except _Undo:
                pass
            except NotFound as error:  # no such tenant is answered like a plugin that is off
                raise _no_page() from error
            except Exception as error:
                if not held:
                    raise
                # The route answered well and the commit failed: the answer is not true.
                response = answer(request, error).to_asgi_response(None, request)
                return await response(scope, receive, send)
            for message in held:
                await send(message)
            return None

        return walled

    return around


async def _body(request: Request[Any, Any, Any]) -> bytes:
    """All of it, up to what the route allows; handlers get it from memory.

    Raises:
        Unfinished: it took too long, or the client went away.
    """
    try:
        async with asyncio.timeout(BODY_DEADLINE):
            return await request.body()
    except (TimeoutError, InternalServerException) as error:
        raise Unfinished("The request did not come to its end.", "Send it again.") from error


def _again(body: bytes, receive: Receive) -> Receive:
    """`receive`, beginning with a body that was read already: forms with files are parsed from the stream."""
    first: list[HTTPReceiveMessage] = [{"type": "http.request", "body": body, "more_body": False}]

    async def received() -> HTTPReceiveMessage:
        return first.pop() if first else await receive()  # type: ignore[return-value]

    return received


def _no_page() -> NotFound:
    return NotFound("There is no such page.", "It may belong to a plugin that is switched off.")


async def _let_in(
    core: Core,
    ctx: TenantScope,
    plugin: str,
    session: Session | None,
    request: Request[Any, Any, Any],
) -> Visit:
    if plugin and plugin not in ctx.enabled:
        raise _no_page()
    visit = Visit(core=core, ctx=ctx, plugin=plugin, session=session)
    if session is not None:
        await still_signed_in(ctx, session)
    request.scope["state"]["visit"] = visit
    return visit


async def _run(
    app: ASGIApp, visit: Visit, scope: Scope, receive: Receive, send: Send, held: list[Message]
) -> None:
    safe = scope.get("method") in SAFE
    if safe:
        await visit.ctx.db.execute("SET TRANSACTION READ ONLY")
    status = 200

    async def pass_on(message: Message) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            limit.reschedule(None)
        if safe:
            await send(message)
        else:
            held.append(message)

    try:
        async with asyncio.timeout(DEADLINE) as limit:
            await app(scope, receive, pass_on)
    except TimeoutError as error:
        if not limit.expired():
            raise
        raise Unavailable("This page took too long.", "Try again in a minute.") from error
    if status >= 400:
        raise _Undo
