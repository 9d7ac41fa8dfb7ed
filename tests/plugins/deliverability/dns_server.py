"""A real name server for tests: UDP on localhost, with the records it was given and the faults it was told."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class NameServer(asyncio.DatagramProtocol):
    """Answers from `zone`; names in `faults` are answered by SERVFAIL, with nonsense, or never."""

    def __init__(self) -> None:
        self.zone: dict[tuple[str, str], list[str]] = {}
        self.faults: dict[str, str] = {}
        """Name -> `servfail`, `garbage` or `silent`; `*` for all."""
        self.asked: list[tuple[str, str]] = []
        self.address = ""
        self._transport: asyncio.DatagramTransport | None = None

    def put(self, name: str, kind: str, *values: str) -> None:
        """The records at a name; none of them removes what stood there."""
        if values:
            self.zone[name.lower(), kind] = list(values)
        else:
            self.zone.pop((name.lower(), kind), None)

    def txt(self, name: str, *texts: str) -> None:
        """TXT records, each in pieces of 200 characters as long ones are stored."""
        self.put(name, "TXT", *(_quoted(text) for text in texts))

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        query = dns.message.from_wire(data)
        question = query.question[0]
        name = question.name.to_text(omit_final_dot=True).lower()
        kind = dns.rdatatype.to_text(question.rdtype)
        self.asked.append((name, kind))
        fault = self.faults.get(name, self.faults.get("*", ""))
        assert self._transport is not None
        if fault == "silent":
            return
        if fault == "garbage":
            self._transport.sendto(data[:2] + b"\xff" * 9, addr)
            return
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.AA | dns.flags.RA
        if fault == "servfail":
            answer.set_rcode(dns.rcode.SERVFAIL)
        else:
            self._fill(answer, name, kind)
        self._transport.sendto(answer.to_wire(), addr)

    def _fill(self, answer: dns.message.Message, name: str, kind: str) -> None:
        for _ in range(8):
            if (name, kind) in self.zone or (name, "CNAME") not in self.zone or kind == "CNAME":
                break
            [target] = self.zone[name, "CNAME"]
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", "CNAME", f"{target}."))
            name = target.lower()
        if values := self.zone.get((name, kind)):
            dotted = [f"{one}." for one in values] if kind in ("CNAME", "MX") else values
            answer.answer.append(dns.rrset.from_text(f"{name}.", 60, "IN", kind, *dotted))
        elif not any(known == name for known, _ in self.zone):
            answer.set_rcode(dns.rcode.NXDOMAIN)


def _quoted(text: str) -> str:
    escaped = [text[n : n + 200] for n in range(0, len(text), 200)] or [""]
    return " ".join('"' + one.replace("\\", "\\\\").replace('"', '\\"') + '"' for one in escaped)


@asynccontextmanager
async def serving() -> AsyncIterator[NameServer]:
    """The server for the length of the block; its `address` is `127.0.0.1:port`."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(NameServer, local_addr=("127.0.0.1", 0))
    server.address = "127.0.0.1:{}".format(transport.get_extra_info("sockname")[1])
    yield server
    transport.close()
