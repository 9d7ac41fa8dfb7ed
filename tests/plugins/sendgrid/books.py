"""SendGrid's books as far as a fake one lacks them: logs, suppressions and erasures, set by a test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.testing.fake_http import json_answer

if TYPE_CHECKING:
    from kernel.testing.sendgrid import FakeSendGrid


class Books:
    """Answers from what the fake accepted, and from what a test puts here."""

    def __init__(self, fake: FakeSendGrid) -> None:
        self.fake = fake
        self.suppressed: dict[str, list[dict[str, Any]]] = {}
        self.erased: list[tuple[str, list[str]]] = []
        """Subuser and addresses of each job."""
        self.status: dict[str, int] = {}
        """Operation -> the status it fails with."""
        self.asked: list[str] = []
        api = fake.api
        api._routes[:] = [route for route in api._routes if route[2] == "other"]
        api.add("POST", "/v3/logs", "logs", "messages.read", self._logs)
        api.add("GET", "/v3/logs/{}", "logs", "messages.read", self._log)
        api.add("GET", "/v3/messages", "messages", "messages.read", self._activity)
        api.add("GET", "/v3/suppression/{}", "suppression", "suppression.read", self._list)
        api.add(
            "POST", "/v3/recipients/erasejob", "erase", "recipients.erasejob.create", self._erase
        )

    def _fails(self, name: str) -> Any:
        self.asked.append(name)
        status = self.status.get(name)
        return json_answer({"errors": []}, status) if status else None

    def _logs(self, asked: Any) -> Any:
        if failed := self._fails("logs"):
            return failed
        [email] = re.findall(r"to_email = '([^']+)'", asked.json()["query"])
        rows = self.fake.accepted(recipient=email)
        return json_answer({"messages": [{"sg_message_id": row.sg_id} for row in rows]})

    def _log(self, asked: Any) -> Any:
        [row] = [row for row in self.fake.accepted() if row.sg_id == asked.parts[0]]
        return json_answer({"custom_args": {"ae_message": row.message}})

    def _activity(self, asked: Any) -> Any:
        if failed := self._fails("activity"):
            return failed
        [message] = re.findall(r'"([^"]+)"', asked.request.query["query"])
        rows = self.fake.accepted(message)
        return json_answer({"messages": [{"msg_id": row.sg_id} for row in rows]})

    def _list(self, asked: Any) -> Any:
        if failed := self._fails("suppression"):
            return failed
        query = asked.request.query
        start, offset = int(query["start_time"]), int(query["offset"])
        rows = [r for r in self.suppressed.get(asked.parts[0], []) if r["created"] >= start]
        return json_answer(rows[offset : offset + int(query["limit"])])

    def _erase(self, asked: Any) -> Any:
        if failed := self._fails("erase"):
            return failed
        addresses = msgspec.json.decode(asked.request.body)["email_addresses"]
        if any("@" not in address for address in addresses):
            return json_answer({"errors": []}, 400)
        self.erased.append((asked.subuser, addresses))
        return json_answer({"job_id": "1"}, 202)
