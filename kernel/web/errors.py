"""Errors as people and machines see them: a code, a sentence, and what to do about it."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException
from litestar.response import Template

from kernel.contracts.base import new_id
from kernel.contracts.errors import KernelError
from kernel.plugboard.parts import Failure
from kernel.web.visit import Visit

log = structlog.get_logger(__name__)

_SENTENCES = {
    400: ("Something in this request is not valid.", "Go back and correct it."),
    404: ("There is no such page.", "Check the address."),
    405: ("This address does not answer to that.", ""),
    413: ("That is too much at once.", "Send less."),
}


def answer(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The error as a page for browsers, as JSON for everyone else. Shows nothing internal."""
    if isinstance(error, KernelError):
        code, status, message, fix = error.code, error.status, error.message, error.fix
        problems = list(getattr(error, "problems", ()))
    elif isinstance(error, HTTPException) and error.status_code < 500:
        status, problems = error.status_code, []
        code = HTTPStatus(status).name.lower()
        message, fix = _SENTENCES.get(status, (HTTPStatus(status).phrase + ".", ""))
    else:
        status, code, problems = 500, "internal", []
        reference = _report(request, error)
        message = "Something went wrong here, and nothing of it was saved."
        fix = f"Try again. If it happens again, tell us this reference: {reference}."
    body = {"code": code, "message": message, "fix": fix, "problems": problems}
    if "text/html" not in request.headers.get("accept", ""):
        return Response({"error": body}, status_code=status, media_type="application/json")
    signed_in = _visit(request) is not None and status != 401
    context = {**body, "status": status, "home": "/app/" if signed_in else ""}
    return Template("kernel/error.html", context=context, status_code=status)


def _visit(request: Request[Any, Any, Any]) -> Visit | None:
    found: Visit | None = request.scope.get("state", {}).get("visit")
    return found


def _report(request: Request[Any, Any, Any], error: Exception) -> str:
    """Log it with a reference, and tell the health board whose route it was."""
    reference = new_id().hex[-12:]
    visit = _visit(request)
    route = f"{request.method} {request.scope.get('path_template', '')}"
    plugin = visit.plugin if visit else ""
    log.error(
        "route failed", reference=reference, plugin=plugin or "kernel", route=route, exc_info=error
    )
    if visit and visit.plugin:
        tenant = visit.ctx.tenant.id
        visit.core.board.report(
            Failure(tenant=tenant, plugin=plugin, what=f"route {route}", error=error)
        )
    return reference
