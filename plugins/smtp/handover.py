"""One batch on its way: mails side by side, each judged by itself, all within the time there is."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from kernel.sdk import Receipt
from plugins.smtp import answers, mime
from plugins.smtp.addresses import wire
from plugins.smtp.answers import Answer
from plugins.smtp.marks import envelope
from plugins.smtp.transaction import Transaction

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.sdk import Context, Outgoing
    from plugins.smtp.account import Account
    from plugins.smtp.pool import Line, Pool

BEGIN = 38.0
"""Seconds in which mails of a batch may begin: what has not begun then is `retry`."""
END = 54.0
"""Seconds after which a mail under way is given up. The dispatch waits 60."""
SOON = timedelta(minutes=1)
"""When what had no time is due again."""


class HandOver:
    """The state of one `send`."""

    def __init__(self, ctx: Context, who: Account, pool: Pool, batch: Sequence[Outgoing]) -> None:
        self.ctx = ctx
        self.who = who
        self.pool = pool
        self.batch = batch
        self.receipts: dict[UUID, Receipt] = {}
        self.bounced: list[tuple[Outgoing, str]] = []
        """Messages to mailboxes that do not exist, and the server's words."""
        self.halt = ""
        self.away = ""
        """Why no connection is to be had, once the last one who tried has none."""
        self.working = 0
        self.start = asyncio.get_running_loop().time()
        self.queue = deque(message for message in batch if self._can_go(message))

    async def run(self) -> list[Receipt]:
        """Hand over everything; one receipt a message, in their order."""
        async with asyncio.TaskGroup() as tasks:
            self.working = min(len(self.queue), self.who.connections)
            for _ in range(self.working):
                tasks.create_task(self._work())
        return [self.receipts[message.id] for message in self.batch]

    async def _work(self) -> None:
        while self.queue:
            message = self.queue.popleft()
            if self._stopped(message):
                continue
            try:
                async with asyncio.timeout_at(self.start + BEGIN):
                    mail = await asyncio.to_thread(
                        mime.build, self.who, self.ctx.tenant, message, self.ctx.now
                    )
                    await self.pool.turns.acquire()
            except TimeoutError:
                self._give(message, "retry", "There was no time for it.", self.ctx.now + SOON)
                continue
            except Exception as error:  # noqa: BLE001 - the others' answers must not get lost with this one
                self._give(message, "retry", f"The mail could not be made: {type(error).__name__}.")
                continue
            try:
                if self._stopped(message):  # while it waited for its turn
                    continue
                answer = await self._carry(message, mail)
            finally:
                self.pool.turns.release()
            if answer is not None:
                self._judge(message, answer)
            elif self.working > 1:  # many servers take a few connections of one client
                self.queue.append(message)
                break
            else:
                self._stopped(message)
        self.working -= 1

    def _stopped(self, message: Outgoing) -> bool:
        """Whether no more is tried; the message has its receipt then."""
        if self.halt or self.away:
            self._give(message, "retry", self.halt or self.away, halt=self.halt)
        return bool(self.halt or self.away)

    async def _carry(self, message: Outgoing, mail: bytes) -> Answer | None:
        """Over a kept connection, or over a new one where the server has ended that. None: over none."""
        answer, stale = await self._try(message, mail)
        if stale:
            answer, _ = await self._try(message, mail, fresh=True)
        return answer

    async def _try(
        self, message: Outgoing, mail: bytes, fresh: bool = False
    ) -> tuple[Answer | None, bool]:
        """The answer; and whether it only says that a kept connection was no longer one."""
        line: Line | None = None
        way: Transaction | None = None
        try:
            async with asyncio.timeout_at(self.start + END):
                line = await self.pool.line(fresh)
                way = Transaction(
                    line.client,
                    self._sender(message),
                    wire(str(message.recipient.email)),
                    mime.message_id(self.who, message),
                )
                answer = await way.run(mail)
        except asyncio.CancelledError:
            if line is not None:  # nobody knows where it stands
                line.client.close()
            raise
        except Exception as error:  # noqa: BLE001 - the others' answers must not get lost with this one
            if line is None or way is None:
                missed = answers.of_error(error, dotted=False)
                if missed.kind == "halt":
                    return missed, False
                self.away = missed.reason if self.working == 1 else ""
                return None, False
            line.client.close()
            return answers.of_error(error, way.dotted), line.used and not way.begun and not fresh
        line.mails += 1
        self.pool.keep(line)
        return answer, False

    def _sender(self, message: Outgoing) -> str:
        """Where the mail comes back to if it cannot be delivered."""
        if not self.who.envelope:
            return self.who.sender
        email = str(message.recipient.email)
        return envelope(self.ctx, self.who.envelope, message.id, email)

    def _judge(self, message: Outgoing, answer: Answer) -> None:
        if answer.kind == "halt":
            self.halt = (
                f"The mail server does not let this shop send: are user and password right "
                f"({self.who.variable}), may it send as "
                f"{self.who.envelope or self.who.domain}? {answer.reason}"
            )
            self._give(message, "retry", self.halt, halt=self.halt)
            return
        if answer.bounce:
            self.bounced.append((message, answer.reason))
        self._give(message, answer.kind, answer.reason, provider_id=answer.provider_id)

    def _can_go(self, message: Outgoing) -> bool:
        if message.rendered is None or not message.recipient.email:
            self._give(message, "rejected", "There is no address or no mail to send.")
        elif not wire(message.recipient.email):
            self._give(message, "rejected", "No mail server takes an address like this.")
        return message.id not in self.receipts

    def _give(
        self,
        message: Outgoing,
        state: str,
        reason: str,
        retry_at: object = None,
        **fields: str,
    ) -> None:
        self.receipts[message.id] = Receipt(
            message_id=message.id,
            state=state,  # type: ignore[arg-type]
            reason=reason,
            retry_at=retry_at,  # type: ignore[arg-type]
            **fields,
        )
