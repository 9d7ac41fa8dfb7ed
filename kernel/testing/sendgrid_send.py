"""Mails as the fake SendGrid accepts them: whom they go to, with which values, under which ids."""

from __future__ import annotations

import base64
import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from kernel.testing.sendgrid_mail import Mail, Personalization
from kernel.testing.sendgrid_store import Row


class Received(msgspec.Struct, kw_only=True):
    """What one recipient got: the personalization's values stand where its marks stood."""

    to: str
    sender: str
    subject: str
    html: str = ""
    text: str = ""
    reply_to: str = ""
    headers: dict[str, str] = {}
    """Of the message and of the personalization; the latter's win."""
    custom_args: dict[str, str] = {}
    categories: list[str] = []
    tracking: dict[str, dict[str, object]] = {}
    """`tracking_settings` of the request."""


def x_message_id(seed: int, request: int) -> str:
    """`X-Message-Id` of a request: 22 characters, always the same ones for the same seed."""
    digest = hashlib.blake2b(f"{seed}/{request}".encode(), digest_size=16).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def rows(
    mail: Mail, request: int, first: int, header_id: str, at: float, subuser: str
) -> Iterator[Row]:
    """One row for each recipient, cc and bcc too.

    Args:
        mail: what was accepted.
        request: its number.
        first: `seq` of its first row.
        header_id: its X-Message-Id.
        at: epoch seconds.
        subuser: on whose behalf.
    """
    assert mail.sender
    seq = first
    for number, one in enumerate(mail.personalizations):
        args = {**mail.custom_args, **one.custom_args}
        subject = _fill(one.subject or mail.subject or "", one.substitutions)
        extra: dict[str, object] = {}
        if args.keys() - {"ae_message", "ae_tenant"}:
            extra["args"] = args
        if mail.categories:
            extra["categories"] = mail.categories
        if mail.asm:
            extra["group"] = mail.asm.group_id
        packed = msgspec.json.encode(extra) if extra else b""
        sender = (one.sender or mail.sender).email
        message, tenant = args.get("ae_message", ""), args.get("ae_tenant", "")
        for person in (*one.to, *one.cc, *one.bcc):
            sg_id = f"{header_id}.recvd-{request:x}-{number}-{seq - first}"
            yield (
                *(seq, request, message, tenant, person.email, sg_id),
                *(sender, subject, at, subuser, packed),
            )
            seq += 1


class Kept:
    """The newest requests in full, so that what each recipient got can be looked at.

    Args:
        limit: requests; older ones are forgotten.
    """

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._bodies: OrderedDict[int, bytes] = OrderedDict()

    def add(self, request: int, body: bytes) -> None:
        """Keeps a request that was accepted."""
        if self.limit:
            self._bodies[request] = body
            if len(self._bodies) > self.limit:
                self._bodies.popitem(last=False)

    def clear(self) -> None:
        """Forgets all."""
        self._bodies.clear()

    def mail(self, request: int) -> Mail | None:
        """The request, unless it is forgotten."""
        body = self._bodies.get(request)
        return msgspec.json.decode(body, type=Mail) if body is not None else None

    def holds(self, text: str) -> bool:
        """Whether a text stands in any of the kept requests, as JSON writes it."""
        wanted = msgspec.json.encode(text)[1:-1]
        return any(wanted in body for body in self._bodies.values())


def received(mail: Mail, position: int) -> Received:
    """What a recipient of a request got.

    Args:
        mail: the request.
        position: of the recipient among all of the request, from 0.

    Raises:
        IndexError: there is no such recipient.
    """
    people = [
        (one, person) for one in mail.personalizations for person in (*one.to, *one.cc, *one.bcc)
    ]
    one, person = people[position]
    assert mail.sender
    sender, values = one.sender or mail.sender, one.substitutions
    parts = {part.type: _fill(part.value, values) for part in mail.content}
    return Received(
        to=person.email,
        sender=f"{sender.name} <{sender.email}>" if sender.name else sender.email,
        subject=_subject(mail, one),
        html=parts.get("text/html", ""),
        text=parts.get("text/plain", ""),
        reply_to=_fill(mail.reply_to.email, values) if mail.reply_to else "",
        headers={**mail.headers, **one.headers},
        custom_args={**mail.custom_args, **one.custom_args},
        categories=mail.categories,
        tracking=mail.tracking_settings,
    )


def _subject(mail: Mail, one: Personalization) -> str:
    return _fill(one.subject or mail.subject or "", one.substitutions)


def _fill(text: str, values: dict[str, str]) -> str:
    """The text with its marks replaced, the longest first; what was put in is not looked at again."""
    if not values:
        return text
    marks = re.compile("|".join(re.escape(m) for m in sorted(values, key=len, reverse=True) if m))
    return marks.sub(lambda found: values[found[0]], text)
