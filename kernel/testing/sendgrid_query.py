"""The little query language of SendGrid's logs: conditions joined by AND, turned into SQL."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any

from kernel.testing.sendgrid_errors import Refused

_VALUE = r"""(?:TIMESTAMP\s+)?(?:"[^"]*"|'[^']*')"""
_CONDITION = re.compile(
    rf"""\s*\(*\s*(?P<field>\w+)(?:\[\s*['"](?P<key>\w+)['"]\s*\])?\s*
    (?P<op>=|!=|>=|<=|>|<|LIKE|NOT\ LIKE|IN|BETWEEN)\s*
    (?P<values>\(\s*{_VALUE}(?:\s*,\s*{_VALUE})*\s*\)|{_VALUE}(?:\s+AND\s+{_VALUE})?)
    \s*\)*\s*(?:AND\s+|$)""",
    re.IGNORECASE | re.VERBOSE,
)
_VALUES = re.compile(r"""(TIMESTAMP\s+)?["']([^"']*)["']""", re.IGNORECASE)

LOGS = {
    "sg_message_id": ("sg_id", {"="}),
    "subject": ("subject", {"="}),
    "to_email": ("lower(recipient)", {"="}),
    "status": ("coalesce(status, 'processed')", {"IN"}),
    "reason": ("coalesce(reason, '')", {"="}),
    "sg_message_id_created_at": ("a.at", {">", "<", ">=", "<="}),
}
"""What `POST /v3/logs` may ask for: column and operators."""

_OUTCOME = (
    "CASE WHEN coalesce(status, 'processed') IN ('processed', 'delivered') "
    "THEN coalesce(status, 'processed') ELSE 'not_delivered' END"
)
_ANY = {"=", "!=", ">", "<", ">=", "<=", "LIKE", "NOT LIKE", "IN", "BETWEEN"}
ACTIVITY = {
    "msg_id": ("sg_id", _ANY),
    "from_email": ("sender", _ANY),
    "to_email": ("lower(recipient)", _ANY),
    "subject": ("subject", _ANY),
    "status": (_OUTCOME, _ANY),
    "last_event_time": ("coalesce(s.at, a.at)", _ANY),
}
"""The same for `GET /v3/messages`, which knows custom args besides: `(unique_args['ae_message']="…")`."""

_ARGS = {"ae_message": "message", "ae_tenant": "tenant"}


def condition(query: str, fields: dict[str, tuple[str, set[str]]]) -> tuple[str, list[Any]]:
    """SQL for WHERE over `accepted a LEFT JOIN state s`, and its values.

    Raises:
        Refused: 400, the query is not understood.
    """
    parts, values, at = [], [], 0
    query = query.strip()
    while at < len(query):
        found = _CONDITION.match(query, at)
        if not found or found.end() == at:
            raise Refused(400, (f"invalid query near {query[at : at + 40]!r}", "query"))
        sql, own = _one(found, fields)
        parts.append(sql)
        values += own
        at = found.end()
    return " AND ".join(parts) or "1", values


def _one(found: re.Match[str], fields: dict[str, tuple[str, set[str]]]) -> tuple[str, list[Any]]:
    name, operator = found["field"], found["op"].upper()
    if name == "unique_args" and fields is ACTIVITY and found["key"] in _ARGS:
        column, allowed = _ARGS[found["key"]], {"="}
    elif name in fields and not found["key"]:
        column, allowed = fields[name]
    else:
        raise Refused(400, (f"invalid field {name}", "query"))
    if operator not in allowed:
        raise Refused(400, (f"{name} does not take {operator}", "query"))
    values = [*_read(found["values"])]
    if column == "lower(recipient)":
        values = [str(value).lower() for value in values]
    if operator == "IN":
        return f"{column} IN ({', '.join('?' * len(values))})", values
    if operator == "BETWEEN":
        if len(values) != 2:
            raise Refused(400, (f"{name} BETWEEN takes two values", "query"))
        return f"{column} BETWEEN ? AND ?", values
    if operator == "LIKE" and column == "sg_id" and str(values[0]).endswith("%"):
        start = str(values[0])[:-1]  # so that the index serves
        return "sg_id >= ? AND sg_id < ?", [start, start + "\U0010ffff"]
    return f"{column} {operator} ?", values[:1]


def _read(text: str) -> Iterator[Any]:
    for stamp, value in _VALUES.findall(text):
        if not stamp:
            yield value
            continue
        try:
            yield datetime.fromisoformat(value).timestamp()
        except ValueError as error:
            raise Refused(400, (f"invalid timestamp {value}", "query")) from error
