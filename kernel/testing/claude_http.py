"""The fake Claude's own small HTTP/1.1 server: it owns its sockets, so that a test can have a connection
refused, dropped, stalled or dripped, which no server in front of an ASGI application lets it do.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

_BODY_LIMIT = 256_000_000
_PIECE = 256 * 1024


class Gone(Exception):
    """The connection is to be cut, now, without another byte."""


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
class Response:
    """What goes back: `body`, or `lines` where there is too much to hold at once."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    lines: Iterable[bytes] | None = None
    drip: float = 0.0
    """Seconds over which the body is spread, a few bytes at a time."""
    cut: bool = False
    """Half of the body, then the connection is cut."""


def json_response(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """An answer in JSON."""
    return Response(status, msgspec.json.encode(value), dict(headers or {}))


Handler = Callable[[Request], Awaitable[Response]]


class HttpServer:
    """Listens on a loopback port from `start()` to `stop()`; can refuse connections in between."""

    def __init__(self, handler: Handler, port: int = 0, host: str = "127.0.0.1") -> None:
        self.handler = handler
        self.host = host
        self.port = port
        self._socket: socket.socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._open: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    async def start(self) -> None:
        """Listens; with port 0 on any free one, told in `port`.

        Raises:
            OSError: the port is taken.
        """
        self._bind()
        self.accept()

    async def stop(self) -> None:
        """Ends every connection, finished or not."""
        open_ = [*self._open]
        self.refuse()
        for task in open_:
            task.cancel()
        await asyncio.gather(*open_, return_exceptions=True)
        if self._socket:
            self._socket.close()

    def refuse(self) -> None:
        """From now on connections are refused and the open ones are cut. The port stays ours."""
        if self._listening:
            self._listening.cancel()
            self._listening = None
            assert self._socket
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._bind()
        for writer in self._open.values():
            writer.transport.abort()

    def accept(self) -> None:
        """Connections are answered (again)."""
        if not self._listening:
            assert self._socket
            self._socket.listen(1024)
            self._listening = asyncio.create_task(self._accept(self._socket))

    def _bind(self) -> None:
        """A bound socket that does not listen yet: to connect to it is refused, and nobody else gets it."""
        self._socket = socket.socket()
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self._socket.setblocking(False)
        self._socket.bind((self.host, self.port))
        self.port = self._socket.getsockname()[1]

    async def _accept(self, listener: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                peer, _ = await loop.sock_accept(listener)
            except OSError:  # the client is gone again, or there are no more files for now
                await asyncio.sleep(0.05)
                continue
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader, writer = await asyncio.open_connection(sock=peer)
            task = asyncio.create_task(self._connection(reader, writer))
            self._open[task] = writer
            task.add_done_callback(lambda done: self._open.pop(done, None))

    async def _connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while request := await read_request(reader):
                if not await self._answer(request, writer):
                    break
        except (Gone, OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
        finally:
            writer.close()

    async def _answer(self, request: Request, writer: asyncio.StreamWriter) -> bool:
        """Whether the connection may be used again."""
        response = await self.handler(request)
        async for piece in _pieces(response, head_only=request.method == "HEAD"):
            writer.write(piece)
            await writer.drain()
        return request.headers.get("connection", "").lower() != "close"


async def read_request(reader: asyncio.StreamReader) -> Request | None:
    """The next request of the connection; None once the client has hung up between two.

    Raises:
        Gone: it is not HTTP/1.1 as clients of an API speak it.
    """
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    except asyncio.LimitOverrunError as error:
        raise Gone from error
    first, *rest = head[:-4].decode("latin-1").split("\r\n")
    headers = {}
    for line in rest:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    try:
        method, target, _ = first.split(" ")
        length = int(headers.get("content-length", 0))
    except ValueError as error:
        raise Gone from error
    url = urlsplit(target)
    request = Request(method, url.path, dict(parse_qsl(url.query)), headers, b"")
    if length > _BODY_LIMIT:
        # What is not read cannot be followed by another request.
        request.too_large, headers["connection"] = True, "close"
    elif headers.get("transfer-encoding", "").lower() == "chunked":
        request.body = await _chunks(reader)
    elif length:
        request.body = await reader.readexactly(length)
    return request


async def _chunks(reader: asyncio.StreamReader) -> bytes:
    parts = []
    while size := int((await reader.readuntil(b"\r\n")).split(b";")[0], 16):
        parts.append(await reader.readexactly(size))
        await reader.readexactly(2)
    await reader.readuntil(b"\r\n")
    return b"".join(parts)


async def _pieces(response: Response, *, head_only: bool) -> AsyncIterator[bytes]:
    headers = {"content-type": "application/json", **response.headers}
    if response.lines is None:
        headers["content-length"] = str(len(response.body))
    else:
        headers["transfer-encoding"] = "chunked"
    phrase = HTTPStatus(response.status).phrase if response.status in _KNOWN else "Unknown"
    told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    head = f"HTTP/1.1 {response.status} {phrase}\r\n{told}\r\n".encode("latin-1")
    if head_only:
        yield head
    elif response.lines is not None:
        yield head
        async for piece in _streamed(response.lines):
            yield piece
            if response.cut:
                raise Gone
    elif response.cut:
        yield head + response.body[: len(response.body) // 2]
        await asyncio.sleep(0.01)  # so that the half arrives before the end does
        raise Gone
    elif response.drip:
        yield head
        size = max(1, len(response.body) // 20)
        for start in range(0, len(response.body), size):
            await asyncio.sleep(response.drip / 20)
            yield response.body[start : start + size]
    else:
        yield head + response.body


async def _streamed(lines: Iterable[bytes]) -> AsyncIterator[bytes]:
    """The lines in chunks of about 256 kB, so that one client's long file does not hold up the others."""
    held = bytearray()
    for line in lines:
        held += line
        if len(held) >= _PIECE:
            yield f"{len(held):x}\r\n".encode() + bytes(held) + b"\r\n"
            held.clear()
            await asyncio.sleep(0)
    if held:
        yield f"{len(held):x}\r\n".encode() + bytes(held) + b"\r\n"
    yield b"0\r\n\r\n"


_KNOWN = {int(status) for status in HTTPStatus}


async def stall(seconds: float) -> None:
    """Nothing is said for so long; the server's end and the client's patience end it before."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(asyncio.Event().wait(), seconds)
