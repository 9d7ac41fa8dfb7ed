"""One batch on its way: requests side by side, each judged by itself, all within the time there is."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from kernel.sdk import Receipt
from plugins.sendgrid import answers, payload
from plugins.sendgrid.answers import Answer
from plugins.sendgrid.client import ask
from plugins.sendgrid.limiter import WIDTH, limiter
from plugins.sendgrid.manifest import SendGridSettings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from kernel.sdk import Context, Outgoing
    from plugins.sendgrid.client import Account

BEGIN = 34.0
"""Seconds in which requests of a batch may begin: what has not begun then is `retry`."""
END = 55.0
"""Seconds after which a request under way is given up, and its messages are unknown. The dispatch waits
60, and a request has 20 for its answer.
"""
SEND = "/v3/mail/send"


class HandOver:
    """The state of one `send`."""

    def __init__(self, ctx: Context, account: Account, batch: Sequence[Outgoing]) -> None:
        self.ctx = ctx
        self.account = account
        self.settings = ctx.settings(SendGridSettings)
        self.limiter = limiter(account.identity)
        self.receipts: dict[UUID, Receipt] = {}
        self.halt = ""
        self.batch = batch
        self.start = asyncio.get_running_loop().time()
        self.working = 0
        self.tasks: asyncio.TaskGroup
        good = [message for message in batch if self._can_go(message)]
        self.queue = deque(payload.parts(good, self.settings.group_size))

    async def run(self) -> list[Receipt]:
        """Post everything; one receipt a message, in their order."""
        async with asyncio.TaskGroup() as self.tasks:
            self._start_workers()
        return [self.receipts[message.id] for message in self.batch]

    def _start_workers(self) -> None:
        for _ in range(min(len(self.queue), WIDTH - self.working)):
            self.working += 1
            self.tasks.create_task(self._work())

    async def _work(self) -> None:
        while self.queue:
            part = self.queue.popleft()
            if self._halted(part):
                continue
            turn = await self.limiter.enter(self.start + BEGIN)
            if turn is None:
                self._later(part, "SendGrid takes no more mail just now.")
            elif self._halted(part):  # while it waited for its turn
                self.limiter.give_back()
            else:
                self._judge(part, await self._post(part, turn))
        self.working -= 1

    def _halted(self, part: Sequence[Outgoing]) -> bool:
        """Whether all sending stops; the part has its receipt then."""
        if self.halt:
            self._give(part, "retry", self.halt, halt=self.halt)
        return bool(self.halt)

    async def _post(self, part: Sequence[Outgoing], turn: float) -> Answer:
        status = 0
        headers: Mapping[str, str] = {}
        body: bytes | None = None
        try:
            body = payload.body(self.ctx.tenant, part, self.settings.sandbox)
            async with asyncio.timeout_at(self.start + END):
                response = await ask(self.account, "POST", SEND, content=body)
            status, headers = response.status_code, response.headers
            return answers.of_response(response)
        except Exception as error:  # noqa: BLE001 - the others' answers must not get lost with this one
            if body is None:
                return Answer(
                    kind="retry", reason=f"The request could not be made: {type(error).__name__}."
                )
            return answers.of_error(error)
        finally:
            self.limiter.leave(turn, status, headers, self.ctx.now)

    def _judge(self, part: list[Outgoing], answer: Answer) -> None:
        if answer.kind == "halt":
            self.halt = _halt(answer, self.account)
            self._give(part, "retry", self.halt, halt=self.halt)
        elif answer.kind == "retry":
            self._later(part, answer.reason)
        elif answer.kind == "rejected" and len(part) > 1:
            self._divide(part, answer)
        else:
            self._give(part, answer.kind, answer.reason, provider_id=answer.provider_id)

    def _divide(self, part: list[Outgoing], answer: Answer) -> None:
        """A refused request took nobody: those named are refused, the others are posted again."""
        named = {place for place in answer.culprits if place < len(part)}
        for place in named:
            self._give([part[place]], "rejected", answer.culprits[place])
        others = [message for place, message in enumerate(part) if place not in named]
        if named and others:
            self.queue.appendleft(others)
        else:
            self.queue.extendleft([message] for message in others)
            self._start_workers()

    def _can_go(self, message: Outgoing) -> bool:
        if message.rendered is not None and message.recipient.email:
            return True
        self._give([message], "rejected", "There is no address or no mail to send.")
        return False

    def _later(self, part: Sequence[Outgoing], reason: str) -> None:
        pause = self.limiter.pause_left()
        at = self.ctx.now + timedelta(seconds=pause) if pause else None
        self._give(part, "retry", reason, retry_at=at)

    def _give(self, part: Sequence[Outgoing], state: str, reason: str, **fields: object) -> None:
        for message in part:
            self.receipts[message.id] = Receipt(
                message_id=message.id,
                state=state,  # type: ignore[arg-type]
                reason=reason,
                **fields,  # type: ignore[arg-type]
            )


def _halt(answer: Answer, account: Account) -> str:
    if answer.status == 401:
        return f"SendGrid does not accept the key in {account.variable}, or its credits are used up. {answer.reason}."
    return (
        "SendGrid does not let this shop send: is its sender verified, may the key send mail, is the "
        f"subuser its own? {answer.reason}."
    )
