"""What SendGrid's answer, or its absence, means for the messages of one request.

202, 200 (sandbox)                                       accepted
400, 404, 405, 413 and other 4xx                         rejected
401, 403                                                 halt: nobody's mail can go, nobody is rejected
429; not connected, no connection free                   retry: certainly not taken
5xx, 3xx, time-outs and breaks once something was sent   unknown: it may have been taken
"""

from __future__ import annotations

import re
from typing import Literal

import httpx
import msgspec

from kernel.sdk import Frozen

UNSENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)
"""Errors before the first byte of the request left us."""
ACCEPTED = (200, 202)
_ADDRESS = re.compile(r"\S+@\S+")
_PLACE = re.compile(r"personalizations(?:\.|\[)(\d+)")
_LONGEST = 200


class Answer(Frozen):
    """What came of one request."""

    kind: Literal["accepted", "rejected", "halt", "retry", "unknown"]
    status: int = 0
    reason: str = ""
    provider_id: str = ""
    culprits: dict[int, str] = msgspec.field(default_factory=dict)
    """Place of a recipient in the request -> what is wrong with it, as far as SendGrid says."""


class _Problem(msgspec.Struct):
    message: str | None = None
    field: str | None = None


class _Problems(msgspec.Struct):
    errors: list[_Problem] = msgspec.field(default_factory=list)


def of_response(response: httpx.Response) -> Answer:
    """The answer of a whole response."""
    status = response.status_code
    if status in ACCEPTED:
        given = response.headers.get("x-message-id", "")
        return Answer(kind="accepted", status=status, provider_id=given)
    problems = _problems(response)
    said = "; ".join(dict.fromkeys(_clean(one.message) for one in problems if one.message))
    reason = f"SendGrid answered {status}" + (f": {said}"[:_LONGEST] if said else "")
    if status == 429:
        return Answer(kind="retry", status=status, reason=reason)
    if status in (401, 403):
        return Answer(kind="halt", status=status, reason=reason)
    if not 400 <= status < 500 or status == 408:
        return Answer(kind="unknown", status=status, reason=reason)
    culprits = {
        int(place[1]): f"SendGrid answered {status}: {_clean(one.message)}"[:_LONGEST]
        for one in problems
        if (place := _PLACE.search(one.field or ""))
    }
    return Answer(kind="rejected", status=status, reason=reason, culprits=culprits)


def of_error(error: BaseException) -> Answer:
    """The answer where there was none: whether anything was sent decides."""
    name = type(error).__name__
    if isinstance(error, UNSENT):
        return Answer(kind="retry", reason=f"SendGrid was not reached: {name}.")
    return Answer(kind="unknown", reason=f"SendGrid's answer was lost: {name}.")


def _problems(response: httpx.Response) -> list[_Problem]:
    try:
        return msgspec.json.decode(response.content, type=_Problems).errors
    except msgspec.DecodeError:
        return []


def _clean(text: str | None) -> str:
    """SendGrid's words without addresses: reasons stand in the ledger, in logs and on pages."""
    return " ".join(_ADDRESS.sub("…", text or "").split())
