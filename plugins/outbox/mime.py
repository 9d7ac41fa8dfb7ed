"""A stored mail as a file that mail programs open. Built on request: it takes milliseconds."""

from __future__ import annotations

from email.message import EmailMessage
from email.policy import SMTP
from typing import TYPE_CHECKING

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

GONE = "The content of this mail was removed when its time was over."


def build(mail: Mail) -> bytes:
    """The mail as MIME (RFC 5322), text and HTML as alternatives, lines ended by CR LF."""
    message = EmailMessage(policy=SMTP)
    _put(message, "From", mail.from_email)
    _put(message, "To", mail.to_email)
    _put(message, "Subject", mail.subject)
    message["Date"] = mail.at
    message["Message-ID"] = f"<{mail.message_id}.{mail.id}@outbox.invalid>"
    for name, value in mail.headers.items():
        if name.lower() not in OWN:
            _put(message, name, value)
    message.set_content(mail.text or GONE)
    if mail.html:
        message.add_alternative(mail.html, subtype="html")
    return message.as_bytes()


def _put(message: EmailMessage, name: str, value: str) -> None:
    """Add a header on one line; one that is no header (an address in two parts) is left out."""
    try:
        message[name] = " ".join(value.split())
    except (ValueError, IndexError):
        del message[name]
