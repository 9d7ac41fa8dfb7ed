"""Message Batches: taken at once, answered in the background, ended after so many polls or seconds."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import msgspec

from kernel.testing.claude_answers import Answerer
from kernel.testing.claude_checks import check_message
from kernel.testing.claude_errors import ApiError, Invalid
from kernel.testing.claude_faults import ANSWER, ROW, Script
from kernel.testing.claude_models import Models
from kernel.testing.claude_record import Asked, Record, prompt_key

MAX_REQUESTS = 100_000
_CUSTOM_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")
_PATIENCE = 2.0
_SLICE = 20


Result = tuple[str, msgspec.Raw]
"""`succeeded`, `errored`, `canceled` or `expired`, and the JSON of it."""


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    custom_id: str
    params: msgspec.Raw


class _Create(msgspec.Struct):
    requests: list[_Row]


@dataclass(slots=True)
class Batch:
    """One batch; `lines` is the file of its results once it has ended."""

    id: str
    rows: list[Asked]
    created_at: datetime
    began: float
    polls: int = 0
    ended_at: datetime | None = None
    canceled_at: datetime | None = None
    expires: bool = False
    done: float = 0.0
    """The share of rows that are answered though the batch is canceled or expires."""
    results: list[tuple[bytes, Asked, Result]] = field(default_factory=list)
    lines: list[bytes] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    work: asyncio.Task[None] | None = None

    def told(self, base_url: str) -> dict[str, object]:
        """As the API tells it."""
        ended = self.ended_at is not None
        kinds = ("succeeded", "errored", "canceled", "expired")
        status = "ended" if ended else "canceling" if self.canceled_at else "in_progress"
        url = f"{base_url}/v1/messages/batches/{self.id}/results"
        return {
            "id": self.id,
            "type": "message_batch",
            "processing_status": status,
            "request_counts": {
                "processing": 0 if ended else len(self.rows),
                **{kind: self.counts.get(kind, 0) if ended else 0 for kind in kinds},
            },
            "created_at": _time(self.created_at),
            "expires_at": _time(self.created_at + timedelta(hours=24)),
            "ended_at": _time(self.ended_at),
            "cancel_initiated_at": _time(self.canceled_at),
            "archived_at": None,
            "results_url": url if ended else None,
        }


class Batches:
    """All batches, oldest first."""

    def __init__(
        self,
        answerer: Answerer,
        script: Script,
        record: Record,
        models: Models,
        now: Callable[[], datetime],
        seconds: Callable[[], float],
    ) -> None:
        self.answerer = answerer
        self.script = script
        self.record = record
        self.models = models
        self.known: dict[str, Batch] = {}
        self.polls = 1
        """A batch has ended when it is asked after for the so-manieth time; 0: at once."""
        self.seconds = 0.0
        """And not before so many seconds have gone by."""
        self._now = now
        self._clock = seconds
        self._ids = itertools.count(1)

    def create(self, body: bytes) -> Batch:
        """A new batch; its rows are checked and answered later, as in the real API.

        Raises:
            ApiError: 400 or 413, it is not taken.
        """
        try:
            rows = msgspec.json.decode(body, type=_Create).requests
        except msgspec.DecodeError as error:
            raise Invalid("requests", str(error)) from error
        if not rows:
            raise Invalid("requests", "List should have at least 1 item after validation, not 0")
        if len(rows) > MAX_REQUESTS:
            raise ApiError(413, f"A batch holds at most {MAX_REQUESTS:,} requests.")
        before = set[str]()
        for index, row in enumerate(rows):
            where = f"requests.{index}.custom_id"
            if not _CUSTOM_ID.match(row.custom_id):
                raise Invalid(where, "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'")
            if row.custom_id in before:
                raise Invalid(where, f"custom_id must be unique within a batch: {row.custom_id}")
            before.add(row.custom_id)
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
            fault = self.script.next("row", asked, lot, (*ROW, *ANSWER))
            result = self._result(asked, params, fault.kind if fault else "")
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


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
