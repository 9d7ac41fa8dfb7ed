"""A real SMTP server that misbehaves when told to, and knows exactly what it took."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from email import message_from_bytes
from email.policy import default
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

if TYPE_CHECKING:
    from email.message import EmailMessage

    from kernel.testing.smtp_tls import Certificate

Moment = Literal["greet", "mail", "rcpt", "data", "content"]
"""Where a fault strikes: `content` is after the final dot."""


@dataclass
class Taken:
    """One mail that was accepted."""

    sender: str
    recipients: list[str]
    content: bytes
    tls: bool
    user: str
    options: list[str]
    """Of MAIL."""

    @property
    def mail(self) -> EmailMessage:
        return message_from_bytes(self.content, policy=default)  # type: ignore[return-value]

    @property
    def message_id(self) -> UUID:
        return UUID(self.mail["Message-ID"].strip("<>").partition("@")[0])


@dataclass
class Fault:
    """What goes wrong: an answer, a broken connection, or silence."""

    at: Moment
    answer: str = ""
    to: str = ""
    take: bool = False
    """Whether the mail is taken all the same (only at `content`)."""
    stall: bool = False
    times: int = 10**6


@dataclass
class FakeSmtp:
    """Listens on 127.0.0.1 within the loop of the test, as `async with FakeSmtp(certificate)`.

    Args:
        certificate: of its TLS.
    """

    certificate: Certificate
    user: str = "alpha"
    password: str = "secret of alpha"
    offers_tls: bool = True
    implicit: bool = False
    """Whether it speaks TLS from the first byte, and offers none later."""
    utf8: bool = False
    """Whether it offers SMTPUTF8."""
    taken: list[Taken] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    sessions: int = 0
    attempts: list[str] = field(default_factory=list)
    """Every recipient that was named, taken or not."""
    port: int = 0

    def fail(self, at: Moment, answer: str = "", **more: Any) -> None:
        """From now on; without an answer the connection breaks."""
        self.faults.append(Fault(at, answer, **more))

    def accepted(self, message_id: UUID) -> list[Taken]:
        """How often this message was taken."""
        return [one for one in self.taken if one.message_id == message_id]

    @property
    def twice(self) -> int:
        """Messages that were taken more than once."""
        return len(self.taken) - len({one.message_id for one in self.taken})

    async def __aenter__(self) -> FakeSmtp:
        context = self.certificate.context
        self._over = asyncio.Event()
        self._open: set[asyncio.BaseTransport] = set()

        def session() -> SMTP:
            later = self.offers_tls and not self.implicit
            return _Session(
                self,
                hostname="mx.test",
                tls_context=context if later else None,
                require_starttls=later,
                authenticator=self._sign_in,
                auth_required=bool(self.user),
                auth_require_tls=later,
                data_size_limit=10**7,
                enable_SMTPUTF8=self.utf8,
                ident="fake",
            )

        self._server = await asyncio.get_running_loop().create_server(
            session, "127.0.0.1", 0, ssl=context if self.implicit else None
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        self._server.close()
        self.drop_all()
        await asyncio.sleep(0)

    def drop_all(self) -> None:
        """End every connection without a word."""
        for transport in self._open:
            transport.close()
        self._open.clear()

    def _sign_in(
        self, server: object, session: object, envelope: object, how: str, who: Any
    ) -> AuthResult:
        good = isinstance(who, LoginPassword) and (who.login, who.password) == (
            self.user.encode(),
            self.password.encode(),
        )
        return AuthResult(success=good, auth_data=who, handled=False)

    def fault(self, at: Moment, to: str = "") -> Fault | None:
        for one in self.faults:
            if one.at == at and one.times and one.to in ("", to):
                one.times -= 1
                return one
        return None

    async def handle_MAIL(
        self, server: _Session, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        if fault := self.fault("mail"):
            return await server.suffer(fault)
        envelope.mail_from, envelope.mail_options = address, options
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: _Session, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        self.attempts.append(address)
        if fault := self.fault("rcpt", address):
            return await server.suffer(fault)
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: _Session, session: Any, envelope: Any) -> str:
        fault = self.fault("content", envelope.rcpt_tos[0])
        if fault is None or fault.take:
            user = session.auth_data.login.decode() if session.auth_data else ""
            self.taken.append(
                Taken(
                    envelope.mail_from,
                    list(envelope.rcpt_tos),
                    envelope.original_content,
                    session.ssl is not None,
                    user,
                    list(envelope.mail_options),
                )
            )
        if fault is not None:
            return await server.suffer(fault)
        return f"250 2.0.0 OK: queued as Q{len(self.taken)}"


class _Session(SMTP):
    def __init__(self, fake: FakeSmtp, **more: Any) -> None:
        super().__init__(fake, **more)
        self.fake = fake

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.fake._open.add(transport)

    async def suffer(self, fault: Fault) -> str:
        if fault.answer:
            return fault.answer
        if fault.stall:
            await self.fake._over.wait()
        assert self.transport is not None
        self.transport.abort()  # type: ignore[attr-defined]
        return "421 gone"

    async def push(self, status: Any) -> None:
        """The greeting and 354 are answers that no handler gives."""
        text = status if isinstance(status, str) else status.decode()
        fault = None
        if text.startswith("220 mx.test"):
            self.fake.sessions += 1
            fault = self.fake.fault("greet")
        elif text.startswith("354"):
            fault = self.fake.fault("data", self.envelope.rcpt_tos[0])
        if fault is not None:
            text = await self.suffer(fault)
        await super().push(text)
