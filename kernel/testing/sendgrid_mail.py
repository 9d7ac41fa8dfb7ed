"""`POST /v3/mail/send` as it must look: types and limits of SendGrid's documentation."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from kernel.testing.sendgrid_errors import Refused

MAIL_LIMIT = 30 * 1024 * 1024
PERSONALIZATIONS = RECIPIENTS = 1000
ARGS_BYTES = 10_000
FORBIDDEN_HEADERS = {
    *("x-sg-id", "x-sg-eid", "received", "dkim-signature", "content-type"),
    *("content-transfer-encoding", "to", "from", "subject", "reply-to", "cc", "bcc"),
}
_ADDRESS = re.compile(r"[^\s@<>(),;:\\\"\[\]]{1,64}@(?:[\w-]{1,63}\.)+[\w-]{2,63}", re.UNICODE)
_ORDER = {"text/plain": 0, "text/html": 1}
_MARK = re.compile(r"\$|\.\.\.")

_NO_TO = (
    "The to array is required for all personalization objects, and must have at least one "
    "email object with a valid email address."
)
_NO_SUBJECT = (
    "The subject is required. You can get around this requirement if you use a template with "
    "a subject defined or if every personalization has a subject defined."
)
_NO_FROM = (
    "The from object must be provided for every email send. It is an object that requires the "
    "email parameter, but may also contain a name parameter."
)
_NO_CONTENT = (
    "Unless a valid template_id is provided, the content parameter is required. There must be "
    "at least one defined content block."
)
_DOUBLE = (
    "Each email address in the personalization block should be unique between to, cc, and bcc. "
    "We found the first duplicate instance of [{}] in the {} field."
)

Short = Annotated[str, Meta(min_length=1)]


class Strict(msgspec.Struct, forbid_unknown_fields=True, kw_only=True):
    """No field that SendGrid does not know."""


class Address(Strict):
    """Somebody."""

    email: str
    name: str | None = None


class Personalization(Strict):
    """One envelope of a request."""

    to: list[Address] = []
    cc: list[Address] = []
    bcc: list[Address] = []
    sender: Address | None = msgspec.field(name="from", default=None)
    subject: Short | None = None
    headers: dict[str, str] = {}
    substitutions: dict[str, str] = {}
    dynamic_template_data: dict[str, Any] | None = None
    custom_args: dict[str, str] = {}
    send_at: int | None = None


class Content(Strict):
    """One form of the body."""

    type: Short
    value: Short


class Attachment(Strict):
    """A file."""

    content: Short
    filename: Short
    type: str | None = None
    disposition: str | None = None
    content_id: str | None = None


class Asm(Strict):
    """The group that the mail belongs to."""

    group_id: int
    groups_to_display: Annotated[list[int], Meta(max_length=25)] = []


Settings = dict[str, dict[str, Any]]


class Mail(Strict):
    """A whole request."""

    personalizations: list[Personalization] = []
    sender: Address | None = msgspec.field(name="from", default=None)
    reply_to: Address | None = None
    reply_to_list: Annotated[list[Address], Meta(max_length=1000)] = []
    subject: str | None = None
    content: list[Content] = []
    attachments: list[Attachment] = []
    template_id: str | None = None
    headers: dict[str, str] = {}
    categories: Annotated[list[Annotated[str, Meta(max_length=255)]], Meta(max_length=10)] = []
    custom_args: dict[str, str] = {}
    send_at: int | None = None
    batch_id: str | None = None
    asm: Asm | None = None
    ip_pool_name: Annotated[str, Meta(min_length=2, max_length=64)] | None = None
    mail_settings: Settings = {}
    tracking_settings: Settings = {}

    @property
    def sandbox(self) -> bool:
        """Whether it is only to be checked."""
        return bool(self.mail_settings.get("sandbox_mode", {}).get("enable"))


_DECODER = msgspec.json.Decoder(Mail)


def read(body: bytes, now: float) -> Mail:
    """The mail of a request, if SendGrid would take it.

    Args:
        body: JSON.
        now: epoch seconds, for `send_at`.

    Raises:
        Refused: 400 with every field at fault, or 413.
    """
    if len(body) > MAIL_LIMIT:
        raise Refused(413)
    try:
        mail = _DECODER.decode(body)
    except msgspec.ValidationError as error:
        raise Refused(400, _told(str(error))) from error
    except msgspec.DecodeError as error:
        raise Refused(400) from error
    if errors := [*_envelopes(mail), *_message(mail, now)]:
        raise Refused(400, *errors)
    return mail


def _told(message: str) -> tuple[str, str | None]:
    """Msgspec's sentence in SendGrid's words: "… - at `$.personalizations[0].to[0]`" names a field."""
    sentence, _, path = message.partition(" - at `")
    if field := re.fullmatch(r"Object contains unknown field `(.+)`", sentence):
        sentence = f"Additional property {field[1]} is not allowed"
    dotted = re.sub(r"\[(\d+)\]", r".\1", path.rstrip("`")).replace("[...]", "")
    return sentence, _MARK.sub("", dotted).strip(".") or None


def _envelopes(mail: Mail) -> Iterator[tuple[str, str]]:
    if not mail.personalizations:
        yield (
            "The personalizations field is required and must have at least one personalization.",
            "personalizations",
        )
    if len(mail.personalizations) > PERSONALIZATIONS:
        yield (
            f"You cannot exceed {PERSONALIZATIONS:,} personalizations in one request.",
            "personalizations",
        )
    if sum(len(p.to) + len(p.cc) + len(p.bcc) for p in mail.personalizations) > RECIPIENTS:
        yield f"The total number of recipients may not exceed {RECIPIENTS:,}.", "personalizations"
    shared = _size(mail.custom_args)
    for number, one in enumerate(mail.personalizations):
        yield from _envelope(one, f"personalizations.{number}", shared, needs=not mail.subject)
        if mail.template_id and mail.template_id.startswith("d-") and one.substitutions:
            yield (
                "Substitutions may not be used with dynamic templating",
                f"personalizations.{number}.substitutions",
            )


def _envelope(
    one: Personalization, at: str, shared: int, *, needs: bool
) -> Iterator[tuple[str, str]]:
    if not one.to:
        yield (
            _NO_TO,
            f"{at}.to",
        )
    seen = set()
    for kind, people in (("to", one.to), ("cc", one.cc), ("bcc", one.bcc)):
        for number, person in enumerate(people):
            yield from _address(person, f"{at}.{kind}.{number}")
            if person.email.lower() in seen:
                yield (
                    _DOUBLE.format(person.email, f"{at}.{kind}"),
                    at,
                )
            seen.add(person.email.lower())
    if one.sender:
        yield from _address(one.sender, f"{at}.from")
    if shared + _size(one.custom_args) > ARGS_BYTES:
        yield (
            f"The custom_args field may not exceed {ARGS_BYTES:,} bytes.",
            f"{at}.custom_args",
        )
    if _size(one.substitutions) > ARGS_BYTES:
        yield (
            f"The substitutions of a personalization may not exceed {ARGS_BYTES:,} bytes.",
            f"{at}.substitutions",
        )
    yield from _headers(one.headers, f"{at}.headers")
    if needs and not one.subject and one.dynamic_template_data is None:
        yield (
            _NO_SUBJECT,
            "subject",
        )


def _message(mail: Mail, now: float) -> Iterator[tuple[str, str]]:
    if not mail.sender:
        yield (
            _NO_FROM,
            "from.email",
        )
    else:
        yield from _address(mail.sender, "from", what="The from email")
    if mail.reply_to:
        yield from _address(mail.reply_to, "reply_to", what="The reply_to email")
        if mail.reply_to_list:
            yield "You may use reply_to or reply_to_list, not both.", "reply_to_list"
    for number, one in enumerate(mail.reply_to_list):
        yield from _address(one, f"reply_to_list.{number}")
    kinds = [part.type.lower() for part in mail.content]
    if not kinds and not mail.template_id:
        yield (
            _NO_CONTENT,
            "content",
        )
    if len(set(kinds)) < len(kinds):
        yield "If present, text/plain and text/html may only be provided once.", "content"
    if kinds != sorted(kinds, key=lambda kind: _ORDER.get(kind, 2)):
        yield (
            "If present, text/plain must be first, followed by text/html, followed by any other.",
            "content",
        )
    yield from _headers(mail.headers, "headers")
    if len(set(mail.categories)) < len(mail.categories):
        yield "The category parameter must be unique.", "categories"
    if any(not category.isascii() for category in mail.categories):
        yield "Categories may only contain 7bit characters.", "categories"
    for at in (mail.send_at, *(one.send_at for one in mail.personalizations)):
        if at is not None and at > now + 72 * 3600:
            yield "Scheduling more than 72 hours in advance is forbidden.", "send_at"


def _address(one: Address, at: str, what: str = "") -> Iterator[tuple[str, str]]:
    if not _ADDRESS.fullmatch(one.email):
        yield (
            f"{what or 'Does'} {'does ' if what else ''}not contain a valid address.",
            f"{at}.email",
        )
    if one.name and (";" in one.name or "," in one.name):
        yield "The name parameter may not contain `;` or `,`.", f"{at}.name"


def _headers(headers: dict[str, str], at: str) -> Iterator[tuple[str, str]]:
    for name, value in headers.items():
        if name.lower() in FORBIDDEN_HEADERS:
            yield f"The header {name} is reserved and cannot be used.", f"{at}.{name}"
        elif not name.isascii() or "\n" in value or "\r" in value or not value.isascii():
            yield (
                "Headers are ASCII on one line: encode what is not by RFC 2047.",
                f"{at}.{name}",
            )


def _size(values: dict[str, str]) -> int:
    return sum(len(name.encode()) + len(value.encode()) for name, value in values.items())
