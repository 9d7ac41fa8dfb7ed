"""What all fakes share: a port that can refuse connections, and a life from `async with` to its end."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Event
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet


class Listener:
    """Listens on a port from `start()` to `stop()`; can refuse connections in between.

    Args:
        protocol: makes what speaks with one client.
        port: 0 for any free one, told in `port`.
        host: where to listen.
    """

    def __init__(
        self, protocol: Callable[[], asyncio.Protocol], port: int = 0, host: str = "127.0.0.1"
    ) -> None:
        self.protocol, self.port, self.host = protocol, port, host
        self._socket: socket.socket | None = None
        self._listening: asyncio.Task[None] | None = None
        self._open: WeakSet[asyncio.Transport] = WeakSet()

    async def start(self) -> None:
        """Listens.

        Raises:
            OSError: the port is taken.
        """
        self._bind()
        self.accept()

    async def stop(self) -> None:
        """Cuts every connection and gives the port back."""
        self.refuse()
        if self._socket:
            self._socket.close()
            self._socket = None

    def accept(self) -> None:
        """Connections are answered (again)."""
        if self._socket and not self._listening:
            self._socket.listen(1024)
            self._listening = asyncio.create_task(self._accept(self._socket))

    def refuse(self) -> None:
        """From now on connections are refused and the open ones are cut. The port stays ours."""
        if self._listening:
            self._listening.cancel()
            self._listening = None
            assert self._socket
            asyncio.get_running_loop().remove_reader(self._socket)
            self._socket.close()
            self._bind()
        for transport in self._open:
            transport.abort()

    def _bind(self) -> None:
        """A bound socket that does not listen yet: to connect to it is refused, and nobody else is given it."""
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
            transport, _ = await loop.connect_accepted_socket(self.protocol, peer)
            self._open.add(transport)


class Fake:
    """A server on a port of this machine, from `async with` to its end.

    Args:
        listener: its port.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def __aenter__(self) -> Self:
        self._loop, self._thread = asyncio.get_running_loop(), threading.get_ident()
        await self._listener.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._listener.stop()
        await self._ended(error)

    async def _ended(self, error: BaseException | None) -> None:
        """What else ends with it; `error` is what ended the test's block."""

    @classmethod
    @contextmanager
    def in_thread(cls, **settings: Any) -> Iterator[Self]:
        """One that lives in a thread of its own, for tests that do not run in an event loop.

        Args:
            settings: as of the class.
        """
        with ThreadPoolExecutor(1) as thread, asyncio.Runner() as runner:
            fake = cls(**settings)
            begun, ended = Event(), asyncio.Event()

            async def live() -> None:
                async with fake:
                    begun.set()
                    await ended.wait()

            living = thread.submit(runner.run, live())
            living.add_done_callback(lambda _: begun.set())
            begun.wait()
            try:
                yield fake
            finally:
                if not living.done():
                    fake._loop.call_soon_threadsafe(ended.set)
                living.result()

    @property
    def host(self) -> str:
        """Where it listens."""
        return self._listener.host

    @property
    def port(self) -> int:
        """The port that it has."""
        return self._listener.port

    def _at_home(self, act: Callable[[], None]) -> None:
        """Acts on sockets where they live, from whatever thread."""
        if threading.get_ident() == self._thread:
            act()
        else:

            async def there() -> None:
                act()

            asyncio.run_coroutine_threadsafe(there(), self._loop).result()
