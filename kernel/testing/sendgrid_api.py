"""SendGrid's operations by method and path, with its keys, limits and faults."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from kernel.testing.fake_http import Answer, Request, after, before, json_answer
from kernel.testing.faults import Faults, Rule
from kernel.testing.sendgrid_errors import Refused
from kernel.testing.sendgrid_faults import AFTER, SendGridRule
from kernel.testing.sendgrid_limits import Limit, Throttled, told
from kernel.testing.sendgrid_mail import Mail, read
from kernel.testing.sendgrid_send import Kept, Received, received, rows, x_message_id
from kernel.testing.sendgrid_store import Accepted, Store

SCOPES = (
    *("mail.send", "messages.read", "email_logs.read", "suppression.read", "suppression.update"),
    *("suppression.delete", "recipients.erasejob.create", "whitelabel.read", "whitelabel.create"),
)


class Asked(msgspec.Struct):
    """One request to an operation other than `mail/send`."""

    request: Request
    subuser: str
    parts: tuple[str, ...]
    """What the path's pattern caught."""

    def json(self) -> Any:
        """The body.

        Raises:
            Refused: it is no JSON.
        """
        try:
            return msgspec.json.decode(self.request.body)
        except msgspec.DecodeError as error:
            raise Refused(400) from error

    def number(self, name: str, default: int, most: int) -> int:
        """A parameter of the query that is a number from 0 to `most`.

        Raises:
            Refused: it is not.
        """
        value = self.request.query.get(name, str(default))
        if not value.isdecimal() or int(value) > most:
            raise Refused(400, (f"{name} must be a number up to {most}", name))
        return int(value)


_UNVERIFIED = (
    "The from address does not match a verified Sender Identity. Mail cannot be sent until this error "
    "is resolved."
)

Operation = Callable[[Asked], Answer]


class Api:
    """What answers requests.

    Args:
        clock: epoch seconds.
        store: of what was accepted.
        seed: of ids and lots.
        keep: how many of the newest accepted requests are kept in full.
    """

    def __init__(self, clock: Callable[[], float], store: Store, seed: int, keep: int) -> None:
        self.clock, self.store, self.seed = clock, store, seed
        self.keys: dict[str, frozenset[str]] = {}
        """Keys that are let in, with what they may do."""
        self.subusers: set[str] | None = None
        """Who is known; None: anybody."""
        self.senders: set[str] | None = None
        """Domains and addresses that may send; None: all."""
        self.faults = Faults(seed)
        self.kept = Kept(keep)
        self.send_limit, self.other_limit = Limit(clock), Limit(clock, 600)
        self.latency = 0.0
        self.requests = 0
        self.asked: Counter[str] = Counter()
        """Requests to all but `mail/send`, by operation."""
        self.statuses: dict[str, int] = {}
        self.on_accepted: Callable[[], None] = lambda: None
        self.control: Callable[[Request], Answer | Awaitable[Answer]] | None = None
        self._routes: list[tuple[str, re.Pattern[str], str, str, Operation]] = []

    def add(self, method: str, path: str, name: str, scope: str, operation: Operation) -> None:
        """One more operation; `{}` in the path catches a part, `name` is what faults call it."""
        pattern = re.compile("([^/]+)".join(re.escape(part) for part in path.split("{}")))
        self._routes.append((method, pattern, name, scope, operation))

    def handle(self, request: Request) -> Answer | Awaitable[Answer]:
        """The server's call."""
        if request.path.startswith("/_fake/") and self.control:
            return self.control(request)
        try:
            answer = self._answer(request)
        except Refused as refused:
            answer = refused.answer()
        name = answer.cut or str(answer.status)
        self.statuses[name] = self.statuses.get(name, 0) + 1
        if not answer.delay:
            answer.delay = self.latency
        return answer

    def _answer(self, request: Request) -> Answer:
        if request.path == "/v3/mail/send":
            if request.method != "POST":
                raise Refused(405)
            return self._send(request)
        known = False
        for method, pattern, name, scope, operation in self._routes:
            if match := pattern.fullmatch(request.path):
                known = True
                if method == request.method:
                    asked = Asked(request, self._who(request, scope), match.groups())
                    return self._limited(name, operation, asked)
        raise Refused(405 if known else 404)

    def _who(self, request: Request, scope: str) -> str:
        """The subuser, or empty.

        Raises:
            Refused: nobody with that key may do that.
        """
        word, _, key = request.headers.get("authorization", "").partition(" ")
        if word.lower() != "bearer" or not key:
            raise Refused(401, ("Permission denied, wrong credentials", None))
        if key not in self.keys:
            raise Refused(401)
        if scope not in self.keys[key]:
            raise Refused(403)
        subuser = request.headers.get("on-behalf-of", "")
        if subuser and self.subusers is not None and subuser not in self.subusers:
            raise Refused(403)
        return subuser

    def _limited(self, name: str, operation: Operation, asked: Asked) -> Answer:
        self.asked[name] += 1
        headers = self.other_limit.take()
        rule = self.faults.strike(name)
        answer = self._before(rule) or operation(asked)
        answer.headers.update(headers)
        return self._after(rule, answer)

    def _before(self, rule: Rule | None) -> Answer | None:
        """What a fault answers before anything was done, if it does."""
        if isinstance(rule, SendGridRule) and rule.kind == "429":
            raise Throttled(told(rule.limit or 100, 0, self.clock() + rule.lasts(1)))
        if rule and rule.kind.isdecimal():
            raise Refused(int(rule.kind))
        return before(rule)

    def _after(self, rule: Rule | None, answer: Answer) -> Answer:
        """What a fault makes of the answer to what was done."""
        if rule and rule.kind in AFTER:
            return Refused(int(rule.kind[:3])).answer()
        return after(rule, answer)

    # --- mail/send

    def _send(self, request: Request) -> Answer:
        self.requests += 1
        number = self.requests
        headers = self.send_limit.take()
        subuser = self._who(request, "mail.send")
        if request.too_large:
            raise Refused(413)
        now = self.clock()
        mail = read(request.body, now)
        self._allowed(mail)
        rule = self.faults.strike("send", mail, mail.personalizations[0].to[0].email)
        if answer := self._before(rule):
            return answer
        if mail.sandbox:
            return self._after(rule, Answer(200, headers=headers))
        header_id = x_message_id(self.seed, number)
        self.store.accept(rows(mail, number, self.store.last + 1, header_id, now, subuser))
        self.kept.add(number, request.body)
        self.on_accepted()
        return self._after(rule, Answer(202, headers={"X-Message-Id": header_id, **headers}))

    def _allowed(self, mail: Mail) -> None:
        if self.senders is None:
            return
        for person in (mail.sender, *(one.sender for one in mail.personalizations)):
            if person and not {person.email, person.email.partition("@")[2]} & self.senders:
                raise Refused(403, (_UNVERIFIED, "from"))

    def received(self, row: Accepted) -> Received | None:
        """What the recipient of a row got, unless its request is forgotten."""
        mail = self.kept.mail(row.request)
        return received(mail, int(row.sg_id.rpartition("-")[2])) if mail else None


def scopes(api: Api) -> Operation:
    """`GET /v3/scopes`: what the key may do."""

    def answer(asked: Asked) -> Answer:
        key = asked.request.headers["authorization"].partition(" ")[2]
        return json_answer({"scopes": sorted(api.keys[key])})

    return answer
