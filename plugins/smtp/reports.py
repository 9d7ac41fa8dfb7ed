"""What a mail that came back says, read without asking anybody: delivery status notifications (RFC 3464,
6533), complaints (ARF, RFC 5965), and bounces in words alone.

The mail is a stranger's. It may be cut, garbled, huge or made to harm; then it says nothing.
"""

from __future__ import annotations

import base64
import binascii
import re
from email import message_from_bytes, message_from_string
from quopri import decodestring
from typing import TYPE_CHECKING, Literal

from kernel.sdk import Frozen
from plugins.smtp import words
from plugins.smtp.answers import clean, no_mailbox

if TYPE_CHECKING:
    from collections.abc import Iterator
    from email.message import Message

LARGEST = 256 * 1024
"""Bytes that are read of a mail: what it reports stands first, the mail it is about last."""
PARTS = 200
BLOCKS = 50
"""Recipients that are read of one report; a mail of ours has one."""
_LONGEST_TYPE = 2000
_TYPES = re.compile(rb"(?im)^content-type:.*(?:\r?\n[ \t].*)*")
_BLANK = re.compile(r"\r?\n[ \t]*(?:\r?\n)+")
_CODE = re.compile(r"^\s*([245]\.\d{1,3}\.\d{1,3})\b")

Kind = Literal["hard", "soft", "delayed", "delivered", "relayed", "complaint"]
STATUS = ("message/delivery-status", "message/global-delivery-status")
NO_COMPLAINTS = ("not-spam", "auth-failure", "virus")
"""Feedback that nobody gave who was annoyed; whatever else is none of these is a complaint."""


class Said(Frozen):
    """What is said of one recipient."""

    kind: Kind
    addresses: tuple[str, ...] = ()
    """Under which the recipient is named; none: it is not told."""
    reason: str = ""
    """Code and words, without addresses."""


class Report(Frozen):
    """A mail that came back."""

    said: tuple[Said, ...] = ()
    nothing: str = ""
    """Why it says nothing, where it does not."""
    to: str = ""
    """The header lines that may hold the address it came to."""
    text: str = ""
    """All of it, decoded: marks and ids are looked for there."""


def read(raw: bytes) -> Report:
    """What the mail says. It never raises."""
    raw = raw[:LARGEST]
    if any(len(one[0]) > _LONGEST_TYPE for one in _TYPES.finditer(raw)):
        return Report(nothing="It cannot be read.")  # the library takes minutes for such a header
    try:
        mail = message_from_bytes(raw)
        parts = list(_parts(mail))
        said, nothing = _said(mail, parts)
        to = "\n".join(f"{name}: {one}" for name in words.TO for one in mail.get_all(name, ()))
        text = "\n".join([raw.decode(errors="replace"), *_hidden(mail)])
    except Exception:  # noqa: BLE001 - the library raises whatever a stranger makes it raise
        return Report(nothing="It cannot be read.")
    return Report(said=said, nothing=nothing, to=to, text=text)


def _said(mail: Message, parts: list[Message]) -> tuple[tuple[Said, ...], str]:
    kinds = {part.get_content_type(): part for part in reversed(parts)}
    for name in STATUS:
        if name in kinds:
            said = tuple(_recipients(_blocks(kinds[name])))
            return said, "" if said else "It is a report that names no recipient."
    if "message/feedback-report" in kinds:
        return _complaint(_blocks(kinds["message/feedback-report"]), mail)
    if "message/disposition-notification" in kinds:
        return (), "It tells whether a mail was read."
    return _in_words(mail, parts)


def _recipients(blocks: list[Message]) -> Iterator[Said]:
    for block in blocks[: BLOCKS + 1]:
        addresses = [_typed(block.get(name)) for name in ("Original-Recipient", "Final-Recipient")]
        if not any(addresses):
            continue  # the block of the report as a whole
        action = _text(block.get("Action")).lower()
        diagnosis = _text(block.get("Diagnostic-Code"))
        words_ = diagnosis.partition(";")[2].strip() or diagnosis
        found = _CODE.match(_text(block.get("Status")))
        status = found[1] if found else ""
        yield Said(
            kind=_kind(action, status, words_),
            addresses=tuple(dict.fromkeys(filter(None, addresses))),
            reason=_reason(f"{status} {words_}"),
        )


def _kind(action: str, status: str, said: str) -> Kind:
    """By the action; where there is none that is known, by the status."""
    known = {"delayed": "delayed", "delivered": "delivered"}
    known |= {"relayed": "relayed", "expanded": "relayed"}
    if action in known:
        return known[action]  # type: ignore[return-value]
    if action == "failed" or status.startswith("5"):
        return "hard" if no_mailbox(words.code(status, said), said) else "soft"
    return "delivered" if status.startswith("2") else "delayed"


def _complaint(blocks: list[Message], mail: Message) -> tuple[tuple[Said, ...], str]:
    block = blocks[0] if blocks else mail
    kind = _text(block.get("Feedback-Type")).lower()
    if not kind or kind in NO_COMPLAINTS:
        return (), "It is feedback, and no complaint."
    named = [_text(one).strip("<> ") for one in block.get_all("Original-Rcpt-To", ())]
    reason = _reason(f"{kind} {_text(block.get('User-Agent'))}")
    return (Said(kind="complaint", addresses=tuple(named[:BLOCKS]), reason=reason),), ""


def _in_words(mail: Message, parts: list[Message]) -> tuple[tuple[Said, ...], str]:
    """A bounce without a part for machines: only from a mail system, never from a person's."""
    if not words.from_a_system(mail):
        auto = words.automatic(mail)
        return (), "It answers by itself." if auto else "It is no bounce and no complaint."
    first = next((one for one in parts if one.get_content_type() == "text/plain"), None)
    said = words.before_the_copy(_decoded(first) if first is not None else "")
    failed = " ".join(_text(one) for one in mail.get_all("X-Failed-Recipients", ()))
    subject = _text(mail.get("Subject"))
    kind: Kind = "delayed"
    if not words.is_delay(f"{subject}\n{said}"):
        kind = "hard" if no_mailbox(words.code("", said), said) else "soft"
    return (
        Said(
            kind=kind,
            addresses=words.addresses(failed or said),
            reason=_reason(words.told(said)),
        ),
    ), ""


def _parts(mail: Message) -> Iterator[Message]:
    """Parts at any depth, but not those of a mail that is enclosed: it says nothing of ours."""
    waiting, seen = [mail], 0
    while waiting and seen < PARTS:
        part = waiting.pop()
        seen += 1
        yield part
        if part.is_multipart() and part.get_content_maintype() == "multipart":
            waiting.extend(reversed(part.get_payload()))  # type: ignore[arg-type]


def _blocks(part: Message) -> list[Message]:
    """Groups of fields. The library takes some of these parts apart and others not, and decodes none."""
    inner = part.get_payload()
    text = (
        "\n\n".join(one.as_string().strip("\r\n") for one in inner)  # type: ignore[union-attr]
        if isinstance(inner, list)
        else str(inner)
    )
    text = _plain(text.encode(errors="surrogateescape"), part).decode(errors="replace")
    return [
        message_from_string(one + "\n\n")
        for one in _BLANK.split(text.strip(), BLOCKS + 1)
        if one.strip()
    ]


def _decoded(part: Message) -> str:
    raw = part.get_payload(decode=True)
    return raw.decode(errors="replace") if isinstance(raw, bytes) else ""


def _hidden(mail: Message) -> Iterator[str]:
    """The parts that the mail as it came shows encoded, those of what is enclosed too."""
    for number, part in enumerate(mail.walk()):
        if number >= PARTS:
            return
        if not part.is_multipart() and _encoding(part):
            yield _decoded(part)


def _plain(raw: bytes, part: Message) -> bytes:
    if _encoding(part) == "quoted-printable":
        return decodestring(raw)
    if _encoding(part) == "base64":
        try:
            return base64.b64decode(raw)
        except (binascii.Error, ValueError):
            return b""
    return raw


def _encoding(part: Message) -> str:
    name = _text(part.get("Content-Transfer-Encoding")).lower()
    return name if name in ("quoted-printable", "base64") else ""


def _typed(value: object) -> str:
    """The address of `rfc822;ada@example.com`."""
    kind, _, address = _text(value).partition(";")
    if kind.strip().lower() not in ("rfc822", "utf-8"):
        return ""
    return address.strip().strip("<>").strip()[:320]


def _reason(said: str) -> str:
    """What is kept of somebody's words: no addresses, and not many words."""
    return clean(said[:1000])[: words.LONGEST]


def _text(value: object) -> str:
    """On one line; headers may be of odd types where they hold odd bytes."""
    return " ".join(str(value or "").split())
