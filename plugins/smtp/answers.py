"""What a server's answer, or its absence, means for one message.

250 after the mail                                     accepted
5xx to RCPT, DATA or the mail                          rejected; a bounce where it says: no such mailbox
4xx, anywhere                                          retry
5xx to the sign-in or to MAIL; a relay that is denied  halt: the fault is the account's, nobody's is rejected
not connected, no STARTTLS, lost before the final dot  retry: certainly not taken
lost or silent after the final dot                     unknown: it may have been taken
"""

from __future__ import annotations

import re
from typing import Literal

from aiosmtplib import (
    SMTPAuthenticationError,
    SMTPResponseException,
    SMTPSenderRefused,
)

from kernel.sdk import Frozen

LONGEST = 200
_ADDRESS = re.compile(r"""[^\s<>"'(),;:]+@[^\s<>"'(),;:]+""")
_STATUS = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b")
_QUEUED = re.compile(r"(?:queued as|\bid[= ])\s*<?([\w.@-]+)>?", re.IGNORECASE)
NO_MAILBOX = frozenset(("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"))
"""Enhanced status codes (RFC 3463) that say that there is no such mailbox, or no longer."""
_UNTOLD = frozenset(("", "5.0.0", "5.1.0", "5.3.0", "5.4.4", "5.5.0"))
"""Codes that say nothing of the mailbox: the words may."""
_NO_MAILBOX = re.compile(
    r"no such (?:user|mailbox|recipient|address)|no mailbox here by that name"
    r"|(?:user|recipient|mailbox|address)(?: is)? (?:unknown|not found)|unknown (?:user|recipient|mailbox)"
    r"|unrouteable address|does not exist|doesn't exist|couldn't be found|domain name not found",
    re.IGNORECASE,
)
_LATER = re.compile(r"quota|mailbox (?:is )?full|too quickly|at a rate|try again", re.IGNORECASE)
"""There is a mailbox, whatever the code says: some servers say 5.2.1 of one that gets too much."""
_RELAY = re.compile(
    r"relay(?:ing)? (?:access )?(?:is )?(?:denied|prohibited|not (?:allowed|permitted))"
    r"|(?:unable|not (?:allowed|permitted)) to relay|authentication (?:is )?required",
    re.IGNORECASE,
)
"""The server does not know us. Not just `relay`: users may be unknown in a relay's table."""


class Answer(Frozen):
    """What came of one message."""

    kind: Literal["accepted", "rejected", "halt", "retry", "unknown"]
    reason: str = ""
    provider_id: str = ""
    bounce: bool = False
    """Whether there is no such mailbox: the address is not written to again."""


NO_UTF8 = Answer(
    kind="rejected",
    reason="The address has letters beyond ASCII before the @, and the mail server does not take such "
    "addresses (SMTPUTF8). Ask the customer for another address, or use a mail server that does.",
)


def accepted(said: str, message_id: str) -> Answer:
    """The server has it. Its own name for it, where it tells one, is what its log is searched by."""
    found = _QUEUED.search(said)
    return Answer(kind="accepted", provider_id=(found[1] if found else message_id)[:LONGEST])


def of_response(code: int, said: str, of_mail: bool = False) -> Answer:
    """A refusal of the recipient; or of the mail, whose words may speak of anything."""
    text = clean(said)
    reason = f"The mail server answered {code}" + (f": {text}"[:LONGEST] if text else "")
    if code == 530 or (500 <= code < 600 and _RELAY.search(text)):
        return Answer(kind="halt", reason=reason)
    if 500 <= code < 600:
        status = _STATUS.match(text)
        bounce = no_mailbox(status[1] if status else "", text, of_mail)
        return Answer(kind="rejected", reason=reason, bounce=bounce)
    return Answer(kind="retry", reason=reason)


def no_mailbox(status: str, said: str, of_mail: bool = False) -> bool:
    """Whether a refusal says that there is no such mailbox, so that it is not to be written to again.

    Args:
        status: the enhanced status code, such as `5.1.1`; empty where there is none.
        said: the words beside it.
        of_mail: whether they may speak of anything in the mail, so that the code alone counts.
    """
    if _LATER.search(said):
        return False
    if status in NO_MAILBOX:
        return True
    return status in _UNTOLD and not of_mail and bool(_NO_MAILBOX.search(said))


def of_error(error: BaseException, dotted: bool) -> Answer:
    """An error on the way.

    Args:
        error: what was raised.
        dotted: whether the final dot had been begun, so that the server may have taken the mail.
    """
    name = type(error).__name__
    if dotted:
        return Answer(kind="unknown", reason=f"The mail server's answer was lost: {name}.")
    if isinstance(error, SMTPResponseException):
        answer = of_response(error.code, error.message)
        if answer.kind == "rejected" and isinstance(
            error, (SMTPAuthenticationError, SMTPSenderRefused)
        ):
            return Answer(kind="halt", reason=answer.reason)
        if (
            answer.kind == "rejected"
        ):  # to the greeting, EHLO or STARTTLS: nothing was said of the message
            return Answer(kind="retry", reason=answer.reason)
        return answer
    return Answer(kind="retry", reason=f"The mail server was not reached, or was lost: {name}.")


def clean(said: str) -> str:
    """The server's words without addresses: reasons stand in the ledger, in logs and on pages."""
    printable = "".join(c if c.isprintable() else " " for c in said)
    return " ".join(_ADDRESS.sub("…", printable).split())
