"""The mail as it goes over the wire. Making and signing it takes milliseconds of computing, so `build` is
called in a thread.
"""

from __future__ import annotations

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import TYPE_CHECKING, Any

from plugins.smtp.addresses import wire
from plugins.smtp.signing import signatures

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.sdk import Outgoing, Tenant
    from plugins.smtp.account import Account

OWN = frozenset(
    (
        "from", "to", "cc", "bcc", "sender", "return-path", "subject", "date", "message-id", "received",
        "mime-version", "content-type", "content-transfer-encoding", "dkim-signature",
    )
)  # fmt: skip
"""Headers that are made here, whatever a mail brings under their names."""
NAME = re.compile(r"[!-9;-~]+")
"""What a header may be called: RFC 5322, section 2.2."""


class _Policy(EmailPolicy):
    """Leaves List-… headers and the id on one line: the default would encode long ones as words, and mail
    programs would not find the link.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower().startswith(("list-", "message-id")) and value.isascii():
            return f"{name}: {value}{self.linesep}".encode()
        return super().fold_binary(name, value)


POLICY = _Policy(linesep="\r\n")
POLICY_UTF8 = POLICY.clone(utf8=True)
"""For addresses that ASCII cannot write: all headers are in UTF-8 then (RFC 6532)."""


def build(who: Account, tenant: Tenant, message: Outgoing, at: datetime) -> bytes:
    """The mail, text and HTML as alternatives, lines ended by CR LF, signed where there are keys.

    Raises:
        ValueError, dkim.DKIMException: it cannot be made.
    """
    mail = make(who, tenant, message, at).as_bytes()
    return signatures(mail, who.domain, who.keys) + mail


def make(who: Account, tenant: Tenant, message: Outgoing, at: datetime) -> EmailMessage:
    """The mail before it is signed."""
    rendered = message.rendered
    assert rendered is not None and message.recipient.email
    to = wire(message.recipient.email)
    mail = EmailMessage(policy=POLICY if to.isascii() else POLICY_UTF8)
    mail["From"] = Address(_line(tenant.sender.name), addr_spec=who.sender)
    # The address alone: a name belongs to the customer, and what stands in it is not ours to choose.
    mail["To"] = to
    mail["Subject"] = _line(rendered.subject)
    mail["Date"] = at
    mail["Message-ID"] = message_id(who, message)
    for name, value in rendered.headers.items():
        if name.lower() not in OWN and NAME.fullmatch(name):
            _put(mail, name, value)
    if tenant.sender.reply_to and "Reply-To" not in mail:
        _put(mail, "Reply-To", tenant.sender.reply_to)
    # Quoted-printable whatever stands in it: seven bits reach every server unchanged, and so does the
    # signature.
    mail.set_content(rendered.text, cte="quoted-printable")
    if rendered.html:
        mail.add_alternative(rendered.html, subtype="html", cte="quoted-printable")
    return mail


def message_id(who: Account, message: Outgoing) -> str:
    """`<our id @ the sender's domain>`: the same at each attempt, so that whoever sees two knows."""
    return f"<{message.id}@{who.domain}>"


def _put(mail: EmailMessage, name: str, value: str) -> None:
    """Add a header, once; one that is no header (an address in two parts) is left out."""
    if name in mail:
        return
    try:
        mail[name] = _line(value)
    except (ValueError, IndexError):
        del mail[name]


def _line(value: str) -> str:
    """On one line, and without what is not to be seen: no value can begin a header of its own.

    Nor by an encoded word (`=?utf-8?q?=0D=0A…?=`), which the library would decode and write out.
    """
    shown = "".join(c if c.isprintable() else " " for c in value).replace("=?", "= ?")
    return " ".join(shown.split())
