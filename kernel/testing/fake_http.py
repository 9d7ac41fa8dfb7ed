"""The fakes' own HTTP/1.1 server, on a bare asyncio protocol: one call a request, and a task only where the answer
has to wait. It owns its sockets, so that a connection can be refused, cut, dripped or left without an answer, which
no server in front of an ASGI application lets a test do.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import msgspec

from kernel.testing.fake import Fake, Listener
from kernel.testing.faults import Rule

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 60_000_000
_PHRASES = {int(status): status.phrase for status in HTTPStatus}
_STALL = 600.0
_DRIPS = 20
_PIECE = 256 * 1024


@dataclass(slots=True)
class Request:
    """One HTTP request as it came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    too_large: bool = False
    """More than any operation takes: the body was not read."""


@dataclass(slots=True)
class Answer:
    """What goes back, and how: `body`, or `lines` where there is too much to hold at once."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    lines: Iterable[bytes] | None = None
    delay: float = 0.0
    """Seconds until it goes out. What was accepted was accepted at once."""
    drip: float = 0.0
    """Seconds over which the body is spread, a few bytes at a time."""
    cut: str = ""
    """`before` any byte, or `midway` in the answer, the connection is cut."""

    @property
    def waits(self) -> bool:
        """Whether it takes more than one write."""
        return bool(self.delay or self.drip or self.lines is not None)

    def encoded(self) -> bytes:
        """The bytes of head and body, as many as go out at once."""
        told = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        kind = "Content-Type: application/json\r\n"
        if "Content-Type" in self.headers or not (self.body or self.lines):
            kind = ""
        size = f"Content-Length: {len(self.body)}"
        if self.lines is not None:
            size = "Transfer-Encoding: chunked"
        phrase = _PHRASES.get(self.status, "Unknown")
        head = f"HTTP/1.1 {self.status} {phrase}\r\n{kind}{told}{size}\r\n\r\n".encode("latin-1")
        if self.lines is not None or self.drip:
            return head
        if self.cut:
            return head + self.body[: len(self.body) // 2] if self.body else head[: len(head) // 2]
        return head + self.body

    def rest(self) -> Iterator[bytes]:
        """What goes out afterwards, a piece at a time."""
        if self.lines is not None:
            yield from _chunked(self.lines)
        elif self.drip:
            size = max(1, len(self.body) // _DRIPS)
            for start in range(0, len(self.body), size):
                yield self.body[start : start + size]


def _chunked(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The lines in chunks of about 256 kB, so that one client's long file does not hold up the others."""
    held = bytearray()
    for line in lines:
        held += line
        if len(held) >= _PIECE:
            yield f"{len(held):x}\r\n".encode() + held + b"\r\n"
            held.clear()
    if held:
        yield f"{len(held):x}\r\n".encode() + held + b"\r\n"
    yield b"0\r\n\r\n"


def json_answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Answer:
    """An answer in JSON."""
    return Answer(status, msgspec.json.encode(value), dict(headers or {}))


def before(rule: Rule | None) -> Answer | None:
    """What a fault answers instead of anything being done, if it does."""
    if rule and rule.kind in ("drop", "stall"):
        return _cut(rule)
    return None


def after(rule: Rule | None, answer: Answer) -> Answer:
    """What a fault makes of the answer to what was done."""
    if rule is None:
        return answer
    if rule.kind in ("drop_after", "stall_after"):
        return _cut(rule)
    if rule.kind == "slow":
        answer.delay = rule.lasts(1)
    elif rule.kind == "drip":
        answer.drip = rule.lasts(1)
    elif rule.kind == "drop_midway":
        answer.cut = "midway"
    return answer


def _cut(rule: Rule) -> Answer:
    return Answer(cut="before", delay=rule.lasts(_STALL) if rule.kind.startswith("stall") else 0)


Handler = Callable[[Request], Answer | Awaitable[Answer]]


class Server(Listener):
    """Answers HTTP on a port.

    Args:
        handler: gives the answer, at once or awaited.
        port: 0 for any free one, told in `port`.
        host: where to listen.
        most: bytes of a body; what is larger is not read.
    """

    def __init__(
        self, handler: Handler, port: int = 0, host: str = "127.0.0.1", most: int = _BODY_LIMIT
    ) -> None:
        super().__init__(lambda: _Connection(self), port, host)
        self.handler, self.most = handler, most
        self.tasks: set[asyncio.Task[None]] = set()

    async def stop(self) -> None:
        """Ends every connection, and what is in work for it."""
        await super().stop()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


class Api(Protocol):
    """What answers, with so many seconds for each answer."""

    latency: float

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """The server's call."""


class HttpFake(Fake):
    """A fake that speaks HTTP.

    Args:
        api: what answers.
        port: 0 for any free one.
        host: where to listen.
        most: bytes of a body.
    """

    def __init__(self, api: Api, port: int, host: str, most: int = _BODY_LIMIT) -> None:
        super().__init__(Server(api.handle, port, host, most))
        self._api = api

    @property
    def url(self) -> str:
        """For the client, e.g. `http://127.0.0.1:40123`."""
        return f"http://{self.host}:{self.port}"

    @property
    def latency(self) -> float:
        """Seconds that each answer takes at least."""
        return self._api.latency

    @latency.setter
    def latency(self, seconds: float) -> None:
        self._api.latency = seconds


class _Connection(asyncio.Protocol):
    """One client, whose requests are answered one after the other."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = bytearray()
        self.busy = False
        self.transport: asyncio.Transport | None = None
        self._waits: tuple[Request, int] | None = None
        self._writable = asyncio.Event()
        self._writable.set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's call."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's call: the client has gone, killed or not. What it handed over stays accepted."""
        self.transport = None
        self._writable.set()

    def pause_writing(self) -> None:
        """Asyncio's call: the client is slower than we are."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """Asyncio's call."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Asyncio's call."""
        self.buffer += data
        self._work()

    def _abort(self) -> None:
        if self.transport:
            self.transport.abort()

    def _work(self) -> None:
        while not self.busy and self.transport and not self.transport.is_closing():
            try:
                request = self._parse()
            except ValueError:
                self._abort()
                return
            if not request:
                return
            answer = self.server.handler(request)
            if isinstance(answer, Answer) and not answer.waits:
                self._write(answer)
                self._end(request, answer)
            else:
                self.busy = True
                task = asyncio.ensure_future(self._later(request, answer))
                self.server.tasks.add(task)
                task.add_done_callback(self.server.tasks.discard)

    async def _later(self, request: Request, answer: Answer | Awaitable[Answer]) -> None:
        if not isinstance(answer, Answer):
            answer = await answer
        if answer.delay:
            await asyncio.sleep(answer.delay)
        self._write(answer)
        for piece in answer.rest():
            await asyncio.sleep(answer.drip / _DRIPS)
            await self._writable.wait()
            if not self.transport:
                return
            self.transport.write(piece)
            if answer.cut:
                break
        self._end(request, answer)
        self.busy = False
        self._work()

    def _write(self, answer: Answer) -> None:
        if self.transport and answer.cut != "before":
            self.transport.write(answer.encoded())

    def _end(self, request: Request, answer: Answer) -> None:
        """Cuts or closes the connection, where it does not go on."""
        if answer.cut == "before":
            self._abort()
        elif self.transport and (answer.cut or request.headers.get("connection") == "close"):
            self.transport.close()

    def _parse(self) -> Request | None:
        """The next request, once it is complete.

        Raises:
            ValueError: it is not HTTP/1.1 as clients of an API speak it.
        """
        if self._waits is None:
            end = self.buffer.find(b"\r\n\r\n")
            if end < 0:
                if len(self.buffer) > _HEAD_LIMIT:
                    raise ValueError
                return None
            request = _head(self.buffer[:end].decode("latin-1"))
            del self.buffer[: end + 4]
            chunked = request.headers.get("transfer-encoding", "").lower() == "chunked"
            length = -1 if chunked else int(request.headers.get("content-length", 0))
            if length > self.server.most:
                # What is not read cannot be followed by another request.
                request.too_large, request.headers["connection"] = True, "close"
                return request
            self._waits = request, length
            if request.headers.get("expect") and self.transport:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        request, length = self._waits
        if length < 0:
            whole = _chunks(self.buffer)
            if whole is None:
                return None
            request.body, used = whole
        elif len(self.buffer) < length:
            return None
        else:
            request.body, used = bytes(self.buffer[:length]), length
        del self.buffer[:used]
        self._waits = None
        return request


def _head(text: str) -> Request:
    first, *lines = text.split("\r\n")
    method, target, _ = first.split(" ")
    path, _, query = target.partition("?")
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    asked = dict(parse_qsl(query, keep_blank_values=True)) if query else {}
    return Request(method, unquote(path), asked, headers, b"")


def _chunks(buffer: bytearray) -> tuple[bytes, int] | None:
    """The body and the bytes it took, if all of its chunks are there."""
    parts: list[bytes] = []
    at = 0
    while (end := buffer.find(b"\r\n", at)) >= 0:
        size = int(buffer[at:end].split(b";")[0], 16)
        at = end + 2 + size + 2
        if len(buffer) < at:
            return None
        if not size:
            return b"".join(parts), at
        parts.append(bytes(buffer[end + 2 : at - 2]))
    return None
