"""One Message Batch: how it is asked for, and how it is told of."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import msgspec

from kernel.testing.claude_errors import ApiError, Invalid
from kernel.testing.claude_record import Asked

MAX_REQUESTS = 100_000
_CUSTOM_ID = re.compile(r"^[a-zA-Z0-9_-]{1,64}$")

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


def rows_of(body: bytes) -> list[_Row]:
    """The rows of a request for a batch; what each asks is not looked at yet.

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
    return rows


def _time(at: datetime | None) -> str | None:
    return None if at is None else f"{at:%Y-%m-%dT%H:%M:%S.%f}Z"
