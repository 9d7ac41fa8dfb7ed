"""Connections to a tenant's mail server, kept while they are of use."""

from __future__ import annotations

import asyncio
import ssl
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from aiosmtplib import SMTP

if TYPE_CHECKING:
    from plugins.smtp.account import Account

TIMEOUT = 15.0
"""Seconds for each of the server's answers."""
IDLE = 20.0
"""Seconds after which an unused connection is not used again: servers end them without a word."""
MAILS = 100
"""Mails a connection: many servers end it after so many."""

_pools: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[tuple[object, ...], Pool]] = (
    WeakKeyDictionary()
)


class Line:
    """One connection, and how much it was used."""

    def __init__(self, client: SMTP) -> None:
        self.client = client
        self.mails = 0
        self.since = 0.0

    @property
    def used(self) -> bool:
        """Whether it has carried a mail before, so that the server may have ended it meanwhile."""
        return self.mails > 0


class Pool:
    """At most `connections` transactions of an account at once, each on a connection of its own."""

    def __init__(self, who: Account) -> None:
        self._who = who
        self._idle: list[Line] = []
        self.turns = asyncio.Semaphore(who.connections)
        """Held while a connection is used."""
        self._tls: ssl.SSLContext | None = None

    async def line(self, fresh: bool = False) -> Line:
        """A connection that is signed in; the one used last, while it is good.

        Raises:
            aiosmtplib.SMTPException, OSError, ssl.SSLError: there is none to be had.
        """
        now = asyncio.get_running_loop().time()
        while self._idle:
            line = self._idle.pop()
            if not fresh and line.client.is_connected and now - line.since < IDLE:
                return line
            line.client.close()
        return await self._connect()

    def keep(self, line: Line) -> None:
        """Give back a connection between two transactions."""
        line.since = asyncio.get_running_loop().time()
        if line.mails < MAILS and line.client.is_connected:
            self._idle.append(line)
        else:
            line.client.close()

    def close(self) -> None:
        """End what is not in use."""
        while self._idle:
            self._idle.pop().client.close()

    async def _connect(self) -> Line:
        who = self._who
        if self._tls is None and who.encryption != "none":
            self._tls = await asyncio.to_thread(
                ssl.create_default_context, cafile=who.ca_file or None
            )
        client = SMTP(
            hostname=who.host,
            port=who.port,
            username=who.user or None,
            password=who.password or None,
            # Not this machine's name: it is nobody's business, and asking for it may take long.
            local_hostname=who.domain,
            use_tls=who.encryption == "tls",
            start_tls=who.encryption == "starttls",
            tls_context=self._tls,
            timeout=TIMEOUT,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return Line(client)


def pool(who: Account) -> Pool:
    """The account's connections in this process and event loop."""
    found = _pools.setdefault(asyncio.get_running_loop(), {})
    if who.identity not in found:
        found[who.identity] = Pool(who)
    return found[who.identity]


def close() -> None:
    """End all connections of this loop that are not in use."""
    for one in _pools.pop(asyncio.get_running_loop(), {}).values():
        one.close()
