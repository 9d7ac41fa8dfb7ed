"""A fake mail server that speaks SMTP: STARTTLS, AUTH, faults, and exact knowledge of what it accepted.

async with FakeSmtp(user="shop", password="secret") as fake:
    await aiosmtplib.send(mail, hostname="127.0.0.1", port=fake.port, …)

docs/fake-sendgrid.md tells how to make it fail. It needs `aiosmtpd`, which Mailwright does not bring.
"""

from __future__ import annotations

import asyncio
import email
import email.policy
import fnmatch
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any, ClassVar, cast

import dkim

from kernel.tenancy.core import SystemClock
from kernel.testing.fake import Listener
from kernel.testing.fake_mail import TakesMail
from kernel.testing.faults import Faults, Rule
from kernel.testing.sendgrid_store import Store
from kernel.testing.smtp_tls import Certificate

try:
    from aiosmtpd.smtp import SMTP, AuthResult
except ModuleNotFoundError as error:  # pragma: no cover
    raise ModuleNotFoundError(
        "The fake mail server needs aiosmtpd: pip install aiosmtpd"
    ) from error

_WORDS = {4: "4.3.0 try again later", 5: "5.7.1 not here"}
SMTP_KINDS = (
    *("421", "450", "451", "452", "500", "521", "530", "550", "552", "553", "554"),
    *("drop", "drop_dot", "drop_after", "stall", "stall_after", "slow"),
)


class SmtpRule(Rule, kw_only=True, forbid_unknown_fields=True):
    """One line of the script.

    Statuses answer the command `on`: `connect`, `mail`, `rcpt`, `data` (the default, after the dot).
    `drop` cuts the connection before the dot, `drop_dot` after it without accepting, `drop_after` once the
    mail is accepted; `stall` and `stall_after` say nothing for `seconds` (600); `slow` accepts and
    answers `seconds` (1) later.
    """

    KNOWN: ClassVar[tuple[str, ...]] = SMTP_KINDS
    PLACES: ClassVar[tuple[str, ...]] = ("connect", "mail", "rcpt", "data")

    on: str | tuple[str, ...] = "data"


class FakeSmtp(TakesMail):
    """A mail server on a port of this machine, from `async with` to its end.

    Args:
        port: 0 for any free one.
        tls: whether it offers STARTTLS, with the certificate of `fake.certificate`.
        user: who must log in, if anybody; only once TLS is on, where it is offered.
        password: with this.
        message_of: the id of a mail for the oracle; usually what stands before the @ of its Message-ID.
        seed: of the lots.
        keep: how many of the newest mails are kept in full.
        require_tls: whether mail is taken over TLS only.
    """

    RULE = SmtpRule

    def __init__(
        self,
        port: int = 0,
        *,
        tls: bool = True,
        user: str = "",
        password: str = "",
        message_of: Callable[[EmailMessage], str] | None = None,
        seed: int = 0,
        keep: int = 2000,
        require_tls: bool = False,
        folder: Path | None = None,
    ) -> None:
        super().__init__(Listener(self._connection, port))
        self.certificate = Certificate() if tls else None
        """`path` of it, for the client to trust."""
        self.user, self.password, self.require_tls = user, password, require_tls
        self.oracle = Store(folder)
        self.faults = Faults(seed)
        self.logins: dict[str, int] = {"accepted": 0, "refused": 0}
        self.connections = 0
        """How many were made."""
        self._message_of = message_of or _local_part
        self._keep = keep
        self._kept: dict[int, bytes] = {}
        self._mails = 0

    async def _ended(self, error: BaseException | None) -> None:
        await super()._ended(error)
        if self.certificate:
            self.certificate.close()

    # --- what it did

    def received(self, message: str) -> list[EmailMessage]:
        """The mails of a message that are still kept, one for each acceptance."""
        return [_parsed(raw) for raw in self.raw(message)]

    def raw(self, message: str) -> list[bytes]:
        """The same as they came, byte for byte."""
        found = (self._kept.get(row.request) for row in self.accepted(message))
        return [raw for raw in found if raw is not None]

    def _take(self, sender: str, recipients: list[str], raw: bytes, parsed: EmailMessage) -> None:
        self._mails += 1
        self._kept[self._mails] = raw
        self._kept.pop(self._mails - self._keep, None)
        message, tenant = self._message_of(parsed), str(parsed.get("X-Tenant", ""))
        now = SystemClock().now().timestamp()
        first = self.oracle.last + 1
        self.oracle.accept(
            (
                *(first + n, self._mails, message, tenant, recipient, f"{self._mails}.{n}"),
                *(sender, str(parsed.get("Subject", "")), now, "", b""),
            )
            for n, recipient in enumerate(recipients)
        )

    # --- what aiosmtpd calls

    def _connection(self) -> SMTP:
        self.connections += 1
        return _Connection(
            self,
            tls_context=self.certificate.context if self.certificate else None,
            require_starttls=self.require_tls,
            auth_required=bool(self.user),
            auth_require_tls=bool(self.certificate),
            authenticator=self._login,
            hostname="fake.test",
            enable_SMTPUTF8=True,
        )

    def _login(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        good = (data.login.decode(), data.password.decode()) == (self.user, self.password)
        self.logins["accepted" if good else "refused"] += 1
        return AuthResult(success=good, handled=good)

    async def handle_MAIL(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Aiosmtpd's call."""
        rule = self.faults.strike("mail")
        if rule:
            return _status(rule)
        envelope.mail_from = address
        return "250 2.1.0 OK"

    async def handle_RCPT(
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Aiosmtpd's call."""
        rule = self.faults.strike("rcpt", to=address)
        if rule:
            return _status(rule)
        if fnmatch.fnmatch(address, "*@bounce.test"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        """Aiosmtpd's call, after the dot."""
        raw = bytes(envelope.content)
        parsed = _parsed(raw)
        rule = server.rule or self.faults.strike("data", parsed, envelope.rcpt_tos[0])
        server.rule = None
        if rule and rule.kind.isdecimal():
            return _status(rule)
        if rule and rule.kind in ("drop", "drop_dot", "stall"):
            return str(await server.silence(rule))
        self._take(envelope.mail_from, envelope.rcpt_tos, raw, parsed)
        if rule and rule.kind == "slow":
            await asyncio.sleep(rule.lasts(1))
        elif rule:
            return str(await server.silence(rule))
        return f"250 2.0.0 OK queued as {self._mails}"


class _Connection(SMTP):
    """One client."""

    rule: Rule | None = None

    def __init__(self, fake: FakeSmtp, **settings: Any) -> None:
        super().__init__(fake, **settings)
        self.fake = fake
        self._own: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._own is None:  # the one below TLS
            self._own = cast("asyncio.Transport", transport)

    async def push(self, status: Any) -> None:
        greets = isinstance(status, str) and status.startswith("220 fake.test")
        if greets and (rule := self.fake.faults.strike("connect")):
            status = _status(rule)
        await super().push(status)
        if str(status).startswith("421") and self._own:
            self._own.close()

    async def smtp_DATA(self, arg: str) -> None:
        recipients = self.envelope.rcpt_tos if self.envelope else []
        # Where something may happen before the dot, it is drawn before the dot.
        if recipients and any(rule.kind == "drop" for rule in self.fake.faults.rules):
            self.rule = self.fake.faults.strike("data", None, recipients[0])
        if self.rule and self.rule.kind == "drop":
            await self.push("354 End data with <CR><LF>.<CR><LF>")
            await self._reader.readuntil(b"\r\n")
            self.abort()
            return
        await super().smtp_DATA(arg)

    async def silence(self, rule: Rule) -> str:
        """No answer: cut at once, or after so many seconds of nothing."""
        if rule.kind.startswith("stall"):
            await asyncio.sleep(rule.lasts(600))
        self.abort()
        return "421 cut"

    def abort(self) -> None:
        if self._own:
            self._own.abort()


def _status(rule: Rule) -> str:
    return f"{rule.kind} {_WORDS[int(rule.kind[0])]}"


def _parsed(raw: bytes) -> EmailMessage:
    return email.message_from_bytes(raw, policy=email.policy.default)


def _local_part(parsed: EmailMessage) -> str:
    return str(parsed.get("Message-ID", "")).strip().lstrip("<").partition("@")[0]


def dkim_valid(raw: bytes, public_key: str, *, covers: tuple[str, ...] = ()) -> bool:
    """Whether a mail's DKIM signature holds for a key.

    Args:
        raw: the mail as it came.
        public_key: what stands in `p=` of the DNS record, base64.
        covers: headers that the signature must cover.
    """
    parsed = _parsed(raw)
    tags = dict(
        tag.strip().split("=", 1)
        for tag in str(parsed.get("DKIM-Signature", "")).split(";")
        if "=" in tag
    )
    signed = {name.strip().lower() for name in tags.get("h", "").split(":")}
    record = f"v=DKIM1; k=rsa; p={public_key}".encode()
    return {name.lower() for name in covers} <= signed and bool(
        dkim.verify(raw, dnsfunc=lambda *_, **__: record)
    )
