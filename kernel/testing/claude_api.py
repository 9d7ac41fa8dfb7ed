"""The routes of the fake Claude API: who may ask, what fails by script, and which operation it is."""

from __future__ import annotations

import asyncio
import itertools
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import msgspec

from kernel.testing.claude_answers import Answerer
from kernel.testing.claude_batches import Batches
from kernel.testing.claude_checks import check_message, check_prompt
from kernel.testing.claude_errors import ApiError, Invalid
from kernel.testing.claude_faults import ANSWER, STATUS, WIRE, ClaudeRule
from kernel.testing.claude_limits import Limits
from kernel.testing.claude_models import Models, page
from kernel.testing.claude_record import Asked, Record, Seen, body_key, prompt_key
from kernel.testing.claude_stream import events
from kernel.testing.claude_usage import PromptCache, measure
from kernel.testing.fake_http import Answer, Request, after, before, json_answer
from kernel.testing.faults import Faults, Rule

_ROUTES = [
    (method, re.compile(f"^{path}$"), operation)
    for method, path, operation in (
        ("POST", "/v1/messages", "messages"),
        ("POST", "/v1/messages/count_tokens", "count_tokens"),
        ("GET", "/v1/models", "models"),
        ("GET", "/v1/models/(?P<id>[^/]+)", "models"),
        ("POST", "/v1/messages/batches", "batch_create"),
        ("GET", "/v1/messages/batches", "batch_list"),
        ("GET", "/v1/messages/batches/(?P<id>[^/]+)", "batch_retrieve"),
        ("DELETE", "/v1/messages/batches/(?P<id>[^/]+)", "batch_delete"),
        ("GET", "/v1/messages/batches/(?P<id>[^/]+)/results", "batch_results"),
        ("POST", "/v1/messages/batches/(?P<id>[^/]+)/cancel", "batch_cancel"),
    )
]
_MESSAGES = {
    "401": "invalid x-api-key",
    "403": "Your API key does not have permission to use the specified resource.",
    "429": "This request would exceed your organization's rate limit of requests per minute.",
    "500": "Internal server error",
    "529": "Overloaded",
}
_SMALL = 32_000_000
_LIMITS = {"batch_create": 256_000_000}
"""Bytes of a request."""
Operation = Callable[[Request, Seen, str], Awaitable[Answer]]


class Api:
    """All that is behind the port."""

    def __init__(self, now: Callable[[], datetime], seconds: Callable[[], float]) -> None:
        self.keys: set[str] = set()
        self.latency = 0.0
        self.faults = Faults()
        self.record = Record()
        self.models = Models()
        self.limits = Limits(now, seconds)
        self.answerer = Answerer(PromptCache(seconds))
        self.batches = Batches(self.answerer, self.faults, self.record, self.models, now, seconds)
        self._ids = itertools.count(1)

    async def handle(self, request: Request) -> Answer:
        """The server's call."""
        method, operation, argument = _routed(request)
        seen = self.record.begin(request, operation, f"req_{next(self._ids):024x}")
        try:
            answer = await self._answered(request, seen, argument, wrong_method=not method)
            delay, answer.delay = answer.delay, 0.0
            await asyncio.sleep(delay)  # what is slow is in work meanwhile
        finally:
            self.record.in_flight -= 1
        seen.status = 0 if answer.cut == "before" else answer.status
        answer.headers.setdefault("request-id", seen.request_id)
        answer.headers.setdefault("anthropic-organization-id", "org_fake")
        return answer

    async def _answered(
        self, request: Request, seen: Seen, argument: str, *, wrong_method: bool
    ) -> Answer:
        lot = body_key(request.body or request.path.encode()) + bytes([seen.attempt % 256])
        rule = self.faults.strike(seen.operation, seen, lot=lot, kinds=(*WIRE, *STATUS))
        seen.fault = rule.kind if rule else ""
        try:
            if answer := before(rule):
                return answer
            _refuse(rule)
            if not seen.operation:
                raise ApiError(404, f"Not found: {request.path}")
            if wrong_method:
                raise ApiError(405, "Method Not Allowed")
            self._authorise(request)
            if request.too_large or len(request.body) > _LIMITS.get(seen.operation, _SMALL):
                raise ApiError(413, "Request exceeds the maximum allowed number of bytes.")
            operation: Operation = getattr(self, f"_{seen.operation}")
            answer = await operation(request, seen, argument)
        except ApiError as error:
            answer = json_answer(error.body(seen.request_id), error.status, error.headers)
        except Exception as error:  # noqa: BLE001 - a test's function may raise anything
            self.record.errors.append(error)
            broken = ApiError(500, f"The fake or the test's function broke: {error!r}")
            answer = json_answer(broken.body(seen.request_id), 500)
        if rule and rule.kind == "html":
            page = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
            return Answer(502, page, {"Content-Type": "text/html"})
        return after(rule, answer)

    def _authorise(self, request: Request) -> None:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        key = token if scheme.lower() == "bearer" else request.headers.get("x-api-key", "")
        if not key:
            raise ApiError(401, "x-api-key header is required")
        if key not in self.keys:
            raise ApiError(401, "invalid x-api-key")
        if "anthropic-version" not in request.headers:
            raise Invalid("anthropic-version", "header is required")

    async def _messages(self, request: Request, seen: Seen, _: str) -> Answer:
        params = decoded(request.body)
        asked = Asked(request.body, key=prompt_key(params), outcome="refused")
        self.record.ask(asked)
        model = check_message(params, self.models)
        charged = measure(params, model).tokens
        headers = self.limits.take(charged, params["max_tokens"])
        if self.latency:
            await asyncio.sleep(self.latency)
        lot = asked.key + bytes([seen.attempt % 256])
        rule = self.faults.strike("messages", asked, lot=lot, kinds=ANSWER)
        fault = rule.kind if rule else ""
        seen.fault = seen.fault or fault
        message = self.answerer.message(asked, params, model, fault)
        self.limits.settle(params["max_tokens"], message["usage"])
        asked.outcome = fault or "answered"
        if params.get("stream"):
            headers["Content-Type"] = "text/event-stream; charset=utf-8"
            return Answer(headers=headers, lines=events(message))
        return json_answer(message, headers=headers)

    async def _count_tokens(self, request: Request, seen: Seen, _: str) -> Answer:
        params = decoded(request.body)
        model = check_prompt(params, self.models)
        return json_answer({"input_tokens": measure(params, model).tokens})

    async def _models(self, request: Request, seen: Seen, name: str) -> Answer:
        if name:
            return json_answer(self.models.get(name).told())
        return json_answer(page([m.told() for m in self.models.known.values()], request.query))

    async def _batch_create(self, request: Request, seen: Seen, _: str) -> Answer:
        return json_answer(self.batches.create(request.body).told(_base(request)))

    async def _batch_list(self, request: Request, seen: Seen, _: str) -> Answer:
        told = [batch.told(_base(request)) for batch in reversed(self.batches.known.values())]
        return json_answer(page(told, request.query))

    async def _batch_retrieve(self, request: Request, seen: Seen, name: str) -> Answer:
        batch = await self.batches.polled(name)
        return json_answer(batch.told(_base(request)))

    async def _batch_cancel(self, request: Request, seen: Seen, name: str) -> Answer:
        return json_answer(self.batches.cancel(name).told(_base(request)))

    async def _batch_delete(self, request: Request, seen: Seen, name: str) -> Answer:
        self.batches.delete(name)
        return json_answer({"id": name, "type": "message_batch_deleted"})

    async def _batch_results(self, request: Request, seen: Seen, name: str) -> Answer:
        headers = {"Content-Type": "application/x-jsonl"}
        return Answer(headers=headers, lines=self.batches.results(name))


def decoded(body: bytes) -> Any:
    """The JSON of a request.

    Raises:
        Invalid: 400, it is none.
    """
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Invalid("", f"The request body is not valid JSON: {error}") from error


def _routed(request: Request) -> tuple[bool, str, str]:
    """Whether the method fits, the operation, and the id in the path."""
    other = ""
    for method, pattern, operation in _ROUTES:
        if found := pattern.match(request.path):
            if method == request.method:
                return True, operation, found.groupdict().get("id", "")
            other = operation
    return False, other, ""


def _base(request: Request) -> str:
    return f"http://{request.headers.get('host', '127.0.0.1')}"


def _refuse(rule: Rule | None) -> None:
    """Raises the status that a fault answers with, if it does."""
    if isinstance(rule, ClaudeRule) and rule.kind in STATUS:
        told = {} if rule.retry_after is None else {"retry-after": f"{rule.retry_after:g}"}
        message = _MESSAGES.get(rule.kind, "Something went wrong, as the test asked for.")
        raise ApiError(int(rule.kind), message, told)
