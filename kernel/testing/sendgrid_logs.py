"""SendGrid's logs: `POST /v3/logs`, `GET /v3/logs/{id}` and the older `GET /v3/messages`."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec

from kernel.testing.fake_http import Answer, json_answer
from kernel.testing.sendgrid_api import Api, Asked
from kernel.testing.sendgrid_errors import Refused
from kernel.testing.sendgrid_query import ACTIVITY, LOGS, condition
from kernel.testing.sendgrid_store import as_accepted

_SELECT = (
    "SELECT a.*, coalesce(status, 'processed'), coalesce(reason, ''), coalesce(s.at, a.at), "
    "coalesce(opens, 0), coalesce(clicks, 0) FROM accepted a LEFT JOIN state s USING (seq) "
)


class Logs:
    """The operations on what was accepted."""

    def __init__(self, api: Api) -> None:
        self.api = api
        api.add("POST", "/v3/logs", "logs", "email_logs.read", self.search)
        api.add("GET", "/v3/logs/{}", "logs", "email_logs.read", self.one)
        api.add("GET", "/v3/messages", "messages", "messages.read", self.activity)

    def search(self, asked: Asked) -> Answer:
        """Messages that fit a query, the newest first."""
        body = asked.json()
        query, limit = body.get("query", ""), body.get("limit", 10)
        if not isinstance(limit, int) or not 1 <= limit <= 1000:
            raise Refused(400, ("limit must be between 1 and 1000", "limit"))
        messages = [
            {
                "from_email": row.sender,
                "sg_message_id": row.sg_id,
                "subject": row.subject,
                "to_email": row.recipient,
                "reason": reason,
                "status": status,
                "sg_message_id_created_at": _iso(row.at),
            }
            for row, status, reason, *_ in self._found(asked, condition(query, LOGS), limit)
        ]
        return json_answer({"messages": messages})

    def one(self, asked: Asked) -> Answer:
        """Everything about a message: our custom args stand here."""
        found = self._found(asked, ("sg_id = ?", [asked.parts[0]]), 1)
        if not found:
            raise Refused(404)
        row, status, *_ = found[0]
        events = self.api.store.read(
            "SELECT body FROM event WHERE seq = ? ORDER BY number DESC LIMIT 100", row.seq
        )
        args = {"ae_message": row.message, "ae_tenant": row.tenant}
        return json_answer(
            {
                "from_email": row.sender,
                "sg_message_id": row.sg_id,
                "subject": row.subject,
                "to_email": row.recipient,
                "status": status,
                "api_key_id": "fake",
                "client_ip": "127.0.0.1",
                "category": row.extra.get("categories", []),
                "custom_args": row.extra.get("args") or {k: v for k, v in args.items() if v},
                "events": [_logged(msgspec.json.decode(body)) for (body,) in events],
            }
        )

    def activity(self, asked: Asked) -> Answer:
        """As the Email Activity add-on tells of messages, by custom arg too."""
        query, limit = asked.request.query.get("query", ""), asked.number("limit", 10, 1000)
        if not query:
            raise Refused(400, ("query is required", "query"))
        messages = [
            {
                "from_email": row.sender,
                "msg_id": row.sg_id,
                "subject": row.subject,
                "to_email": row.recipient,
                "status": status if status in ("processed", "delivered") else "not_delivered",
                "opens_count": opens,
                "clicks_count": clicks,
                "last_event_time": _iso(last),
            }
            for row, status, _, last, opens, clicks in self._found(
                asked, condition(query, ACTIVITY), limit
            )
        ]
        return json_answer({"messages": messages})

    def _found(self, asked: Asked, where: tuple[str, list[Any]], limit: int) -> list[Any]:
        sql, values = where
        rows = self.api.store.read(
            f"{_SELECT} WHERE {sql} AND subuser = ? AND NOT EXISTS (SELECT 1 FROM suppression e "
            "WHERE e.list = 'erased' AND e.subuser = a.subuser AND e.email = recipient "
            "AND e.created >= a.at) ORDER BY a.seq DESC LIMIT ?",
            *values,
            asked.subuser,
            limit,
        )
        return [(as_accepted(row[:-5]), *row[-5:]) for row in rows]


def _logged(event: dict[str, Any]) -> dict[str, Any]:
    """An event as the log tells it."""
    names = ("reason", "status", "url", "type", "response", "attempt")
    own = {name: event[name] for name in names if name in event}
    return {"event": event["event"], "processed": _iso(event.get("timestamp", 0)), **own}


def _iso(at: float) -> str:
    return datetime.fromtimestamp(int(at), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
