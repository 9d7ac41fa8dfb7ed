"""A stored mail as a file that mail programs open. Built on request: it takes milliseconds."""

from __future__ import annotations

import re
from email.message import EmailMessage
from email.policy import EmailPolicy
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from plugins.outbox.repo import Mail

OWN = frozenset(
    [
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
    ]
)
"""Headers that are made here, whatever was stored under their names."""

NAME = re.compile(r"[!-9;-~]+")
"""What a header may be called: RFC 5322, section 2.2."""
GONE = "The content of this mail was removed when its time was over."


class _Policy(EmailPolicy):
    """Leaves List-… headers on one line: the default would encode long links as words, and mail
    programs would not find the link.
    """

    def fold_binary(self, name: str, value: Any) -> bytes:
        if name.lower().startswith("list-") and value.isascii():
            return f"{name}: {value}{self.linesep}".encode()
        return super().fold_binary(name, value)


POLICY = _Policy(linesep="\r\n")


def build(mail: Mail) -> bytes:
    """The mail as MIME (RFC 5322), text and HTML as alternatives, lines ended by CR LF."""
    message = EmailMessage(policy=POLICY)
    _put(message, "From", mail.from_email)
    _put(message, "To", mail.to_email)
    _put(message, "Subject", mail.subject)
    message["Date"] = mail.at
    message["Message-ID"] = f"<{mail.message_id}.{mail.id}@outbox.invalid>"
    for name, value in mail.headers.items():
        if name.lower() not in OWN and NAME.fullmatch(name):
            _put(message, name, value)
    message.set_content(mail.text or GONE)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message.as_bytes()


def _put(message: EmailMessage, name: str, value: str) -> None:
    """Add a header on one line; one that is no header (an address in two parts) is left out."""
    # An encoded word in a value would be decoded here, line breaks and all: it is shown, not obeyed.
    try:
        message[name] = " ".join(value.split()).replace("=?", "= ?")
    except (ValueError, IndexError):
        del message[name]
