"""Bounces for people to read: which mails are some, and what their words say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message

LONGEST = 200
"""Characters of a reason that are kept."""
TO = ("Delivered-To", "X-Original-To", "Envelope-To", "X-Envelope-To", "X-Delivered-To", "To")
"""Headers that tell where a mail came to."""
_SYSTEM = re.compile(
    r"(?:^|<|\s|\")(?:mailer-daemon|postmaster|mail-daemon|mailer|mail_delivery_subsystem)@",
    re.IGNORECASE,
)
_BARE = re.compile(r"^\W*(?:mailer-daemon|mail delivery (?:sub)?system)\W*$", re.IGNORECASE)
_COPY = re.compile(
    r"(?im)^[ \t>*-]*(?:below this line is a copy of the message|this is a copy of (?:the|your) message"
    r"|original message (?:follows|headers)?|copy of the (?:original )?message"
    r"|the (?:body|header)s? of your message|included is a copy of the message)"
)
_DELAY = re.compile(
    r"(?i)(?:delivery|message)[^\n.]{0,60}\bdelayed\b|delay(?:ed)? (?:delivery|notification)|warning: message"
    r"|has not (?:yet )?been delivered yet|not yet been delivered|will (?:keep|be) (?:trying|retried)"
    r"|do not need to re-?send|delivery attempts will continue"
)
_CODE = re.compile(r"(?<![\d.])([45]\.\d{1,3}\.\d{1,3})(?!\.?\d)")
_REPLY = re.compile(r"(?<![\d.])5\d\d[ -]")
_ADDRESS = re.compile(r"""[^\s<>"'(),;:@\[\]]{1,64}@[^\s<>"'(),;:@\[\]]{1,255}""")
_MOST = 50


def from_a_system(mail: Message) -> bool:
    """Whether a mail system wrote it: answers of people's programs come from the people."""
    sender = str(mail.get("From") or "")
    return bool(
        mail.get("X-Failed-Recipients") or _SYSTEM.search(sender) or _BARE.match(sender.strip())
    )


def automatic(mail: Message) -> bool:
    """Whether a person's program wrote it (RFC 3834): a vacation note, a receipt."""
    submitted = str(mail.get("Auto-Submitted") or "no").strip().lower()
    precedence = str(mail.get("Precedence") or "").strip().lower()
    told = ("X-Autoreply", "X-Autorespond", "X-Auto-Response-Suppress")
    return (
        not submitted.startswith("no")
        or precedence in ("auto_reply", "bulk", "junk")
        or any(name in mail for name in told)
    )


def before_the_copy(text: str) -> str:
    """The words of the mail system, without the mail that came back."""
    found = _COPY.search(text)
    return text[: found.start()] if found else text


def is_delay(text: str) -> bool:
    """Whether they only say that it takes longer."""
    return bool(_DELAY.search(text))


def code(status: str, said: str) -> str:
    """The code that tells most: that of the words where the status is a general one."""
    if status and not status.endswith(".0.0"):
        return status
    found = _CODE.search(said)
    return found[1] if found else status


def addresses(text: str) -> tuple[str, ...]:
    """The addresses that are named, each once."""
    found = dict.fromkeys(one.strip(".") for one in _ADDRESS.findall(text))
    return tuple(list(found)[:_MOST])


def told(text: str) -> str:
    """The line that gives the reason, as far as can be told: that with a code, else the first."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    for line in lines:
        if _CODE.search(line) or _REPLY.search(line):
            return line
    return lines[0] if lines else ""
