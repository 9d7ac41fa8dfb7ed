"""Message Batches: taken at once, answered in the background, ended after so many polls or seconds."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import msgspec

from kernel.testing.claude_answers import Answerer
from kernel.testing.claude_batch import Batch, Result, rows_of
from kernel.testing.claude_checks import check_message
from kernel.testing.claude_errors import ApiError, Invalid
from kernel.testing.claude_faults import ANSWER, ROW
from kernel.testing.claude_models import Models
from kernel.testing.claude_record import Asked, Record, prompt_key
from kernel.testing.faults import Faults

_PATIENCE = 2.0
"""Seconds for which the poll that ends a batch waits for its last rows."""
_SLICE = 20


class Batches:
    """All batches, oldest first."""

    def __init__(
        self,
        answerer: Answerer,
        faults: Faults,
        record: Record,
        models: Models,
        now: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self.answerer = answerer
        self.faults = faults
        self.record = record
        self.models = models
        self.known: dict[str, Batch] = {}
        self.polls = 1
        """A batch has ended when it is asked after for the so-manieth time; 0: at once."""
        self.seconds = 0.0
        """And not before so many seconds have gone by."""
        self.queue: int | None = None
        """How many rows may wait in all batches together; one more is refused with 429."""
        self._now = now
        self._clock = seconds
        self._ids = itertools.count(1)

    def create(self, body: bytes) -> Batch:
        """A new batch; its rows are checked and answered later, as in the real API.

        Raises:
            ApiError: 400 or 413, it is not taken.
        """
        rows = rows_of(body)
        waiting = sum(len(one.rows) for one in self.known.values() if one.ended_at is None)
        if self.queue is not None and waiting + len(rows) > self.queue:
            message = f"{waiting:,} requests of batches wait, of {self.queue:,} that may."
            raise ApiError(429, message, {"retry-after": "60"})
        name = f"msgbatch_{next(self._ids):024x}"
        asked = [Asked(row.params, row.custom_id, name) for row in rows]
        self.record.ask(*asked)
        batch = Batch(name, asked, self._now(), self._clock())
        batch.work = asyncio.create_task(self._worked(batch))
        self.known[name] = batch
        return batch

    def get(self, name: str) -> Batch:
        """The batch.

        Raises:
            ApiError: 404, there is none.
        """
        if name not in self.known:
            raise ApiError(404, f"Message batch {name} not found.")
        return self.known[name]

    async def polled(self, name: str) -> Batch:
        """The batch, one poll older; a small one has really ended when it should have.

        Raises:
            ApiError: 404, there is none.
        """
        batch = self.get(name)
        batch.polls += 1
        if batch.ended_at is None and self._due(batch):
            assert batch.work
            await asyncio.wait({batch.work}, timeout=_PATIENCE)
            if batch.work.done():
                batch.work.result()
                self._end(batch)
        return batch

    def cancel(self, name: str) -> Batch:
        """The batch, which ends when it is next asked after; `done` of its rows are answered then.

        Raises:
            ApiError: 404, there is none; 400, it has ended.
        """
        batch = self.get(name)
        if batch.ended_at:
            raise Invalid("", "Batch cannot be canceled: it has ended.")
        batch.canceled_at = batch.canceled_at or self._now()
        return batch

    def expire(self, name: str | None = None, done: float = 0.0) -> None:
        """The 24 hours of a batch, or of all, are over: but for the share `done`, its rows expire."""
        for batch in [self.get(name)] if name else self.known.values():
            batch.expires, batch.done = True, done

    def delete(self, name: str) -> None:
        """Forgets a batch that has ended.

        Raises:
            ApiError: 404, there is none; 400, it has not ended.
        """
        if self.get(name).ended_at is None:
            raise Invalid("", "Batch cannot be deleted: it has not ended. Cancel it first.")
        del self.known[name]

    def results(self, name: str) -> Iterator[bytes]:
        """The results, one JSON a line, in an order of their own.

        Raises:
            ApiError: 404, there are none, or not yet.
        """
        batch = self.get(name)
        if batch.ended_at is None:
            raise ApiError(404, f"Message batch {name} has no results yet.")
        return iter(batch.lines)

    async def stop(self) -> None:
        """Ends the work on all batches."""
        work = [batch.work for batch in self.known.values() if batch.work]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)

    def _due(self, batch: Batch) -> bool:
        if batch.canceled_at or self._over(batch):
            return True
        return batch.polls >= self.polls and self._clock() - batch.began >= self.seconds

    def _over(self, batch: Batch) -> bool:
        return batch.expires or self._now() >= batch.created_at + timedelta(hours=24)

    async def _worked(self, batch: Batch) -> None:
        """Results of all rows, worked out ahead a few at a time so that nobody waits for them."""
        for index, asked in enumerate(batch.rows):
            params = asked.params
            asked.key = prompt_key(params)
            lot = hashlib.blake2b(
                asked.key + str(asked.custom_id).encode(), digest_size=16
            ).digest()
            rule = self.faults.strike("row", asked, lot=lot, kinds=(*ROW, *ANSWER))
            result = self._result(asked, params, rule.kind if rule else "")
            batch.results.append((lot, asked, result))
            if index % _SLICE == 0:
                await asyncio.sleep(0)

    def _end(self, batch: Batch) -> None:
        """Writes the lines; of a batch that was canceled or ran out of time, for `batch.done` of the rows."""
        batch.ended_at = self._now()
        stopped = "canceled" if batch.canceled_at else "expired" if self._over(batch) else ""
        # By lot: an order of its own, and the same at each run.
        for lot, asked, (kind, result) in sorted(batch.results, key=lambda row: row[0]):
            if stopped and int.from_bytes(lot[:8]) >= batch.done * 2**64:
                kind, result = stopped, msgspec.Raw(f'{{"type":"{stopped}"}}'.encode())
                asked.outcome = stopped
            batch.counts[kind] = batch.counts.get(kind, 0) + 1
            line = {"custom_id": asked.custom_id, "result": result}
            batch.lines.append(msgspec.json.encode(line) + b"\n")
        batch.results.clear()

    def _result(self, asked: Asked, params: Any, fault: str) -> Result:
        if fault in ("canceled", "expired"):
            asked.outcome = fault
            return fault, msgspec.Raw(f'{{"type":"{fault}"}}'.encode())
        try:
            model = check_message(params, self.models, batched=True)
            message = self.answerer.message(asked, params, model, fault, tier="batch")
        except ApiError as error:
            asked.outcome = fault or "refused"
            told = {"type": "errored", "error": error.body(f"req_{asked.key.hex()[:24]}")}
            return "errored", msgspec.Raw(msgspec.json.encode(told))
        asked.outcome = fault or "answered"
        answered = msgspec.json.encode({"type": "succeeded", "message": message})
        return "succeeded", msgspec.Raw(answered)
