"""The fake SendGrid's own HTTP/1.1 server, on a bare asyncio protocol: one call a request, no task unless the
answer has to wait. It owns its sockets, so that a connection can be refused, cut or left without an answer.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

import msgspec

from kernel.testing.claude_http import Request

_HEAD_LIMIT = 64 * 1024
_BODY_LIMIT = 60_000_000
_PHRASES = {int(status): status.phrase for status in HTTPStatus}


@dataclass(slots=True)
class Answer:
    """What goes back, and how."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    """Seconds until it goes out. What was accepted was accepted at once."""
    cut: str = ""
    """`before` any byte, or `midway` in the answer, the connection is cut; `never`: it is left open,
    without an answer.
    """

    def encoded(self) -> bytes:
        """The bytes of head and body."""
        told = "".join(f"{name}: {value}\r\n" for name, value in self.headers.items())
        kind = "Content-Type: application/json\r\n" if self.body else ""
        head = (
            f"HTTP/1.1 {self.status} {_PHRASES.get(self.status, 'Unknown')}\r\nServer: nginx\r\n"
            f"{kind}{told}Content-Length: {len(self.body)}\r\n\r\n"
        )
        return head.encode("latin-1") + self.body


def json_answer(value: Any, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status, msgspec.json.encode(value))


Handler = Callable[[Request], Answer | Awaitable[Answer]]


class Server:
    """Listens on a port from `start()` to `stop()`; can refuse connections in between."""

    def __init__(self, handler: Handler, port: int = 0, host: str = "127.0.0.1") -> None:
        self.handler, self.host, self.port = handler, host, port
        self.connections: set[Connection] = set()
        self.tasks: set[asyncio.Task[None]] = set()
        self._socket: socket.socket | None = None
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listens; with port 0 on any free one, told in `port`.

        Raises:
            OSError: the port is taken.
        """
        self._bind()
        await self.accept()

    async def stop(self) -> None:
        """Ends every connection."""
        await self.refuse()
        for task in self.tasks:
            task.cancel()
        if self._socket:
            self._socket.close()

    async def accept(self) -> None:
        """Connections are answered (again)."""
        if not self._server:
            assert self._socket
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(
                lambda: Connection(self), sock=self._socket, backlog=1024
            )

    async def refuse(self) -> None:
        """From now on connections are refused and the open ones are cut. The port stays ours."""
        if self._server:
            self._server.close()
            self._server = None
            self._bind()
        for connection in [*self.connections]:
            connection.abort()

    def _bind(self) -> None:
        """A bound socket that does not listen yet: to connect to it is refused."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setblocking(False)
        self._socket.bind((self.host, self.port))
        self.port = self._socket.getsockname()[1]


class Connection(asyncio.Protocol):
    """One client, whose requests are answered one after the other."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.buffer = bytearray()
        self.busy = False
        self.transport: asyncio.Transport | None = None
        self._waits: tuple[Request, int] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asyncio's call."""
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.server.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        """Asyncio's call: the client has gone, killed or not. What it handed over stays accepted."""
        self.server.connections.discard(self)
        self.transport = None

    def data_received(self, data: bytes) -> None:
        """Asyncio's call."""
        self.buffer += data
        self._work()

    def abort(self) -> None:
        """Cuts the connection."""
        if self.transport:
            self.transport.abort()

    def _work(self) -> None:
        while not self.busy and self.transport:
            try:
                request = self._parse()
            except ValueError:
                self.abort()
                return
            if not request:
                return
            answer = self.server.handler(request)
            if isinstance(answer, Answer):
                self._answer(answer)
            else:
                self.busy = True
                task = asyncio.ensure_future(self._later(answer))
                self.server.tasks.add(task)
                task.add_done_callback(self.server.tasks.discard)

    async def _later(self, answer: Awaitable[Answer]) -> None:
        done = await answer
        self.busy = False
        self._answer(done)
        self._work()

    def _answer(self, answer: Answer) -> None:
        if answer.cut == "never":
            self.busy = True
        elif answer.delay:
            self.busy = True
            asyncio.get_running_loop().call_later(answer.delay, self._write, answer)
        else:
            self._write(answer)

    def _write(self, answer: Answer) -> None:
        if not self.transport:
            return
        if answer.cut == "before":
            self.abort()
            return
        data = answer.encoded()
        if answer.cut == "midway":
            self.transport.write(data[: len(data) // 2])
            self.transport.close()
            return
        self.transport.write(data)
        if answer.delay:
            self.busy = False
            self._work()

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
            if length > _BODY_LIMIT:
                raise ValueError
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
