"""What the fake SendGrid accepted, to the unit: the oracle of every proof. SQLite on disk, so that a million
mails take no more memory than ten thousand.
"""

from __future__ import annotations

import sqlite3
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

_SCHEMA = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA cache_size = -32000;
PRAGMA temp_store = FILE;
CREATE TABLE accepted (
  seq INTEGER PRIMARY KEY, request INTEGER, message TEXT, tenant TEXT, recipient TEXT, sg_id TEXT,
  sender TEXT, subject TEXT, at REAL, subuser TEXT, extra BLOB
) WITHOUT ROWID;
CREATE INDEX by_message ON accepted (message);
CREATE INDEX by_recipient ON accepted (lower(recipient));
CREATE INDEX by_sg_id ON accepted (sg_id);
CREATE TABLE state (
  seq INTEGER PRIMARY KEY, status TEXT, reason TEXT, at REAL, opens INTEGER, clicks INTEGER
);
CREATE TABLE event (seq INTEGER, number INTEGER, body BLOB, PRIMARY KEY (seq, number)) WITHOUT ROWID;
CREATE TABLE suppression (
  list TEXT, subuser TEXT, email TEXT COLLATE NOCASE, created INTEGER, reason TEXT, status TEXT,
  PRIMARY KEY (list, subuser, email)
) WITHOUT ROWID;
"""
_TABLES = ("accepted", "state", "event", "suppression")
_ROWS = 500


class Accepted(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient of one accepted request."""

    seq: int
    """Counts from 1, in the order of acceptance."""
    request: int
    """Which request, from 1: those that were refused count too."""
    message: str
    """The custom arg `ae_message`, or empty."""
    tenant: str
    """The custom arg `ae_tenant`, or empty."""
    recipient: str
    """As written in the request."""
    sg_id: str
    """`sg_message_id` of this recipient; `X-Message-Id` is what stands before its first dot."""
    sender: str
    subject: str
    """With the recipient's values in it."""
    at: float
    """Epoch seconds."""
    subuser: str = ""
    extra: dict[str, Any] = {}
    """`args` (all custom args), `categories`, `group` where there are any."""


Row = tuple[int, int, str, str, str, str, str, str, float, str, bytes]


class Store:
    """Everything in one file.

    Args:
        folder: where the file is made; removed at the end.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._home = tempfile.TemporaryDirectory(prefix="fake-sendgrid-", dir=folder)
        self._db = sqlite3.connect(
            Path(self._home.name) / "accepted.db", isolation_level=None, check_same_thread=False
        )
        self._db.executescript(_SCHEMA)
        self._waiting: list[Row] = []
        self.last = 0
        """The newest `seq`."""

    def close(self) -> None:
        """Forgets everything."""
        self._db.close()
        self._home.cleanup()

    def reset(self) -> None:
        """As on the first day."""
        self._waiting.clear()
        self.last = 0
        for table in _TABLES:
            self._db.execute(f"DELETE FROM {table}")

    def accept(self, rows: Iterable[Row]) -> None:
        """Takes rows whose `seq` go on from `last`."""
        self._waiting.extend(rows)
        self.last = self._waiting[-1][0]
        if len(self._waiting) >= _ROWS:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self.write("INSERT INTO accepted VALUES (?,?,?,?,?,?,?,?,?,?,?)", self._waiting)
            self._waiting.clear()

    def write(self, sql: str, rows: Sequence[tuple[Any, ...]]) -> None:
        """One statement for each of many rows, in one transaction."""
        if rows:
            self._db.execute("BEGIN")
            self._db.executemany(sql, rows)
            self._db.execute("COMMIT")

    def read(self, sql: str, *values: Any) -> list[tuple[Any, ...]]:
        """All rows of a query."""
        self._flush()
        return self._db.execute(sql, values).fetchall()

    def change(self, sql: str, *values: Any) -> int:
        """How many rows a statement changed."""
        self._flush()
        return self._db.execute(sql, values).rowcount

    # --- the oracle

    def accepted(
        self,
        *,
        message: str | None = None,
        recipient: str | None = None,
        tenant: str | None = None,
        after: int = 0,
        limit: int = 1000,
    ) -> list[Accepted]:
        """Acceptances in their order, a page at a time.

        Args:
            message: those of this `ae_message`.
            recipient: those to this address, however it is written.
            tenant: those of this `ae_tenant`.
            after: the last `seq` that is known already.
            limit: rows.
        """
        found = {"message": message, "tenant": tenant, "lower(recipient)": recipient}
        values = {name: value for name, value in found.items() if value is not None}
        if recipient is not None:
            values["lower(recipient)"] = recipient.lower()
        where = "".join(f" AND {name} = ?" for name in values)
        rows = self.read(
            f"SELECT * FROM accepted WHERE seq > ?{where} ORDER BY seq LIMIT ?",
            after,
            *values.values(),
            limit,
        )
        return [as_accepted(row) for row in rows]

    def counts(
        self, after: str = "", limit: int = 10_000, tenant: str | None = None
    ) -> list[tuple[str, int]]:
        """How often each message id was accepted, sorted by id, a page at a time.

        Args:
            after: the last id that is known already.
            limit: ids.
            tenant: those of this `ae_tenant`.
        """
        return self.read(
            "SELECT message, count(*) FROM accepted WHERE message > ?1 "
            "AND (?3 IS NULL OR tenant = ?3) GROUP BY message ORDER BY message LIMIT ?2",
            after,
            limit,
            tenant,
        )

    def twice(self, limit: int = 1000) -> list[tuple[str, int]]:
        """Message ids that were accepted more than once, and how often."""
        return self.read(
            "SELECT message, count(*) FROM accepted WHERE message > '' GROUP BY message "
            "HAVING count(*) > 1 ORDER BY message LIMIT ?",
            limit,
        )

    def totals(self) -> dict[str, int]:
        """`accepted` recipients, different `messages`, `twice` (messages accepted more than once),
        `without_id` and `requests` that were accepted.
        """
        accepted, requests, bare = self.read(
            "SELECT count(*), count(DISTINCT request), count(*) FILTER (WHERE message = '') FROM accepted"
        )[0]
        messages, twice = self.read(
            "SELECT count(*), count(*) FILTER (WHERE n > 1) FROM "
            "(SELECT count(*) n FROM accepted WHERE message > '' GROUP BY message)"
        )[0]
        return {
            "accepted": accepted,
            "messages": messages,
            "twice": twice,
            "without_id": bare,
            "requests": requests,
        }


def as_accepted(row: tuple[Any, ...]) -> Accepted:
    """A row of the table `accepted`."""
    *fields, extra = row
    names = Accepted.__struct_fields__
    return Accepted(
        **dict(zip(names, fields, strict=False)), extra=msgspec.json.decode(extra) if extra else {}
    )
