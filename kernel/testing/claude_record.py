"""What the fake Claude was asked: every HTTP request, and every prompt, sent directly or in a batch."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec

from kernel.testing.fake_http import Request


@dataclass(slots=True)
class Seen:
    """One HTTP request, and what became of it."""

    method: str
    path: str
    operation: str
    """`messages`, `count_tokens`, `models`, `batch_create`, …"""
    query: dict[str, str]
    headers: dict[str, str]
    raw: bytes
    in_flight: int
    """How many requests were in work when it came, itself among them."""
    request_id: str
    attempt: int = 0
    """0 for the first with this body, 1 for the next, …"""
    status: int = 0
    """0: no answer was sent, or not yet."""
    fault: str = ""

    @property
    def body(self) -> Any:
        """The JSON that was sent; None without a body."""
        return msgspec.json.decode(self.raw) if self.raw else None

    @property
    def text(self) -> str:
        """The body as it came, to look for what must not be in it."""
        return self.raw.decode(errors="replace")


@dataclass(slots=True)
class Asked:
    """One prompt: a direct request, or a row of a batch."""

    raw: bytes | msgspec.Raw
    custom_id: str | None = None
    batch_id: str | None = None
    outcome: str = ""
    """`answered`, `refused` (an error), a kind of fault, or empty while it waits in a batch."""
    key: bytes = b""
    """Hash of the prompt: equal prompts have equal keys."""
    filled: Any = None
    """What is answered by default: set while an answer function runs, which may change it."""

    @property
    def params(self) -> Any:
        """The parameters of the Messages API; decoded anew each time."""
        return msgspec.json.decode(self.raw)

    @property
    def text(self) -> str:
        """The parameters as JSON."""
        return bytes(self.raw).decode(errors="replace")

    @property
    def system(self) -> str:
        """The words of the system prompt."""
        return _words(self.params.get("system") or "")

    @property
    def prompt(self) -> str:
        """The words of the last message."""
        return _words(self.params["messages"][-1]["content"])

    @property
    def schema(self) -> dict[str, Any] | None:
        """The schema that was asked for, if any."""
        form = (self.params.get("output_config") or {}).get("format") or {}
        return form.get("schema")


@dataclass(slots=True)
class Record:
    """All of it since the start, or since `clear()`."""

    requests: list[Seen] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    in_flight: int = 0
    peak: int = 0
    """The most requests that were in work at once."""
    bodies: Counter[bytes] = field(default_factory=Counter)
    keeps: bool = True
    """False: only counted, for a server that runs for days."""
    totals: Counter[str] = field(default_factory=Counter)
    """HTTP requests by operation, and `prompts`."""

    errors: list[Exception] = field(default_factory=list)
    """What a test's function raised; the fake raises the first of them when it ends."""

    def begin(self, request: Request, operation: str, request_id: str) -> Seen:
        """Notes a request as it comes."""
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        key = body_key(request.body)
        seen = Seen(
            method=request.method,
            path=request.path,
            operation=operation,
            query=request.query,
            headers=request.headers,
            raw=request.body,
            in_flight=self.in_flight,
            request_id=request_id,
            attempt=self.bodies[key],
        )
        self.bodies[key] += 1
        self.totals[operation] += 1
        if self.keeps:
            self.requests.append(seen)
        return seen

    def ask(self, *asked: Asked) -> None:
        """Notes prompts as they come."""
        self.totals["prompts"] += len(asked)
        if self.keeps:
            self.asked += asked

    def clear(self) -> None:
        """Forgets what was; what is in work stays counted."""
        self.requests.clear()
        self.asked.clear()
        self.bodies.clear()
        self.totals.clear()
        self.peak = self.in_flight

    def count(self, operation: str = "messages") -> int:
        """How many HTTP requests of this operation there were, answered or not."""
        return self.totals[operation]

    def asked_twice(self) -> list[Asked]:
        """Prompts that were answered although the same one, or the same custom_id, had been before."""
        found, before = [], set[object]()
        for asked in self.asked:
            if asked.outcome != "answered":
                continue
            keys = {asked.key, asked.custom_id} if asked.custom_id else {asked.key}
            if keys & before:
                found.append(asked)
            before |= keys
        return found

    def holds(self, *texts: str) -> list[str]:
        """Which of these texts were sent in any request, whatever their case: names, emails, addresses."""
        low = [seen.text.lower() for seen in self.requests]
        return [text for text in texts if any(_stands_in(text.lower(), one) for one in low)]


def _stands_in(text: str, body: str) -> bool:
    escaped = msgspec.json.encode(text).decode()[1:-1]
    return text in body or escaped in body or text.encode("unicode_escape").decode() in body


def _words(content: Any) -> str:
    if isinstance(content, str):
        return content
    return "\n".join(block.get("text", "") for block in content)


def prompt_key(params: Any) -> bytes:
    """A short hash of parameters, whatever the order of their names: clients write it as they like."""
    if isinstance(params, dict):
        params = {name: value for name, value in params.items() if name != "stream"}
    return body_key(msgspec.json.encode(params, order="deterministic"))


def body_key(body: bytes) -> bytes:
    """A short hash of a body."""
    return hashlib.blake2b(body, digest_size=16).digest()
