"""SendGrid's suppression lists, erasure of recipients, and authenticated domains."""

from __future__ import annotations

import uuid
from typing import Any

from kernel.testing.fake_http import Answer, json_answer
from kernel.testing.sendgrid_api import Api, Asked
from kernel.testing.sendgrid_errors import Refused

LISTS = ("bounces", "blocks", "invalid_emails", "spam_reports", "unsubscribes")


class Lists:
    """`/v3/suppression/…`, `/v3/asm/…` and `/v3/recipients/erasejob`."""

    def __init__(self, api: Api) -> None:
        self.api = api
        for name in LISTS:
            path = f"/v3/suppression/{name}"
            self._add("GET", path, "read", name, self.listed)
            self._add("DELETE", path, "delete", name, self.emptied)
            self._add("GET", path + "/{}", "read", name, self.one)
            self._add("DELETE", path + "/{}", "delete", name, self.removed)
        everywhere = "/v3/asm/suppressions/global"
        self._add("POST", everywhere, "update", "unsubscribes", self.added)
        self._add("GET", everywhere + "/{}", "read", "unsubscribes", self.is_global)
        self._add("DELETE", everywhere + "/{}", "delete", "unsubscribes", self.removed)
        of_group = "/v3/asm/groups/{}/suppressions"
        self._add("POST", of_group, "update", "", self.added)
        self._add("GET", of_group, "read", "", self.of_group)
        self._add("DELETE", of_group + "/{}", "delete", "", self.removed)
        erase = "/v3/recipients/erasejob"
        api.add("POST", erase, "erase", "recipients.erasejob.create", self.erase)

    def put(self, name: str, *emails: str, subuser: str = "", at: float | None = None) -> None:
        """Addresses that are on a list now; `at` in epoch seconds tells since when instead."""
        since = int(self.api.clock() if at is None else at)
        self.api.store.write(
            "INSERT OR REPLACE INTO suppression VALUES (?, ?, ?, ?, '', '')",
            [(name, subuser, email, since) for email in emails],
        )

    def erased(self) -> list[tuple[str, str]]:
        """Subuser and address of all whose erasure was asked for and taken."""
        sql = "SELECT subuser, email FROM suppression WHERE list = 'erased' ORDER BY 1, 2"
        return self.api.store.read(sql)

    def _add(self, method: str, path: str, may: str, name: str, act: Any) -> None:
        def operation(asked: Asked) -> Answer:
            answer: Answer = act(name or f"group:{asked.parts[0]}", asked)
            return answer

        self.api.add(method, path, "suppression", f"suppression.{may}", operation)

    def _rows(self, name: str, asked: Asked, more: str = "", *values: Any) -> list[Any]:
        rows = self.api.store.read(
            "SELECT email, created, reason, status FROM suppression WHERE list = ? AND subuser = ?"
            + more,
            name,
            asked.subuser,
            *values,
        )
        return [
            {
                "created": created,
                "email": email,
                **({"reason": reason} if reason else {}),
                **({"status": status} if status else {}),
                **({"ip": "198.51.100.1"} if name == "spam_reports" else {}),
            }
            for email, created, reason, status in rows
        ]

    def listed(self, name: str, asked: Asked) -> Answer:
        """A page of the list, the newest first."""
        start = asked.number("start_time", 0, 2**40)
        end = asked.number("end_time", 2**40, 2**40)
        limit, offset = asked.number("limit", 500, 500), asked.number("offset", 0, 2**40)
        more = " AND created >= ? AND created <= ? ORDER BY created DESC, email LIMIT ? OFFSET ?"
        return json_answer(self._rows(name, asked, more, start, end, limit, offset))

    def one(self, name: str, asked: Asked) -> Answer:
        """One address, in a list."""
        return json_answer(self._rows(name, asked, " AND email = ?", asked.parts[-1]))

    def is_global(self, name: str, asked: Asked) -> Answer:
        """Whether an address has unsubscribed from everything."""
        found = self._rows(name, asked, " AND email = ?", asked.parts[-1])
        return json_answer({"recipient_email": found[0]["email"]} if found else {})

    def of_group(self, name: str, asked: Asked) -> Answer:
        """The addresses that left a group."""
        return json_answer([row["email"] for row in self._rows(name, asked)])

    def added(self, name: str, asked: Asked) -> Answer:
        """Addresses that are to get nothing more."""
        emails = _emails(asked, "recipient_emails")
        self.put(name, *(email.lower() for email in emails), subuser=asked.subuser)
        return json_answer({"recipient_emails": emails}, 201)

    def removed(self, name: str, asked: Asked) -> Answer:
        """One address less."""
        sql = "DELETE FROM suppression WHERE list = ? AND subuser = ? AND email = ?"
        if not self.api.store.change(sql, name, asked.subuser, asked.parts[-1]):
            raise Refused(404)
        return Answer(204)

    def emptied(self, name: str, asked: Asked) -> Answer:
        """All, or those that are named, less."""
        body = asked.json()
        if body.get("delete_all") is True:
            sql = "DELETE FROM suppression WHERE list = ? AND subuser = ?"
            self.api.store.change(sql, name, asked.subuser)
        else:
            self.api.store.write(
                "DELETE FROM suppression WHERE list = ? AND subuser = ? AND email = ?",
                [(name, asked.subuser, email) for email in _emails(asked, "emails")],
            )
        return Answer(204)

    def erase(self, asked: Asked) -> Answer:
        """Recipients that the logs forget; the oracle does not."""
        emails = _emails(asked, "email_addresses")
        if len(emails) > 5000 or len(asked.request.body) > 256 * 1024:
            raise Refused(400, ("too many email addresses", "email_addresses"))
        for email in emails:
            if "@" not in email:
                raise Refused(400, (f"Email_address {email} is not valid", "email_addresses"))
        now = int(self.api.clock()) + 1
        self.put("erased", *emails, subuser=asked.subuser, at=now)
        return json_answer({"job_id": str(uuid.UUID(int=(self.api.store.last << 64) | now))}, 202)


class Domains:
    """`/v3/whitelabel/domains`: what a sender has authenticated."""

    def __init__(self, api: Api) -> None:
        self.known: dict[int, dict[str, Any]] = {}
        for method, path, act in (
            ("GET", "/v3/whitelabel/domains", self.listed),
            ("POST", "/v3/whitelabel/domains", self.create),
            ("GET", "/v3/whitelabel/domains/{}", self.one),
            ("POST", "/v3/whitelabel/domains/{}/validate", self.validate),
        ):
            scope = "whitelabel.read" if method == "GET" else "whitelabel.create"
            api.add(method, path, "domains", scope, act)

    def put(self, domain: str, *, valid: bool = True, subuser: str = "") -> int:
        """A domain and whether its records are found; its id."""
        for number, known in self.known.items():
            if (known["domain"], known["username"]) == (domain, subuser):
                known["found"] = valid
                return number
        number = 1000 + len(self.known)
        self.known[number] = {
            "id": number,
            "user_id": 7,
            "subdomain": "em",
            "domain": domain,
            "username": subuser,
            "ips": [],
            "custom_spf": False,
            "default": False,
            "legacy": False,
            "automatic_security": True,
            "valid": valid,
            "found": valid,
        }
        return number

    def _told(self, number: int) -> dict[str, Any]:
        known = self.known[number]
        domain, valid = known["domain"], known["valid"]
        hosts = {"mail_cname": "em", "dkim1": "s1._domainkey", "dkim2": "s2._domainkey"}
        dns = {
            name: {
                "valid": valid,
                "type": "cname",
                "host": f"{host}.{domain}",
                "data": f"{host.replace('_domainkey', 'domainkey')}.u7.wl.sendgrid.net",
            }
            for name, host in hosts.items()
        }
        return {**{name: known[name] for name in known if name != "found"}, "dns": dns}

    def _known(self, asked: Asked) -> int:
        number = int(asked.parts[0]) if asked.parts[0].isdecimal() else 0
        if number not in self.known or self.known[number]["username"] != asked.subuser:
            raise Refused(404)
        return number

    def listed(self, asked: Asked) -> Answer:
        """Those of the account or subuser, of one `domain` if asked."""
        wanted = asked.request.query.get("domain", "")
        told = (self._told(number) for number in self.known)
        return json_answer(
            [
                one
                for one in told
                if one["username"] == asked.subuser and wanted in ("", one["domain"])
            ]
        )

    def create(self, asked: Asked) -> Answer:
        """One more, whose records are still to be set."""
        domain = asked.json().get("domain")
        if not isinstance(domain, str) or "." not in domain:
            raise Refused(400, ("domain is required", "domain"))
        return json_answer(self._told(self.put(domain, valid=False, subuser=asked.subuser)), 201)

    def one(self, asked: Asked) -> Answer:
        """One of them."""
        return json_answer(self._told(self._known(asked)))

    def validate(self, asked: Asked) -> Answer:
        """Looks the records up, so to speak."""
        number = self._known(asked)
        known = self.known[number]
        known["valid"] = valid = known["found"]
        reason = None if valid else "Expected CNAME but could not find a record."
        results = {
            name: {"valid": valid, "reason": reason} for name in ("mail_cname", "dkim1", "dkim2")
        }
        return json_answer({"id": number, "valid": valid, "validation_results": results})


def _emails(asked: Asked, name: str) -> list[str]:
    body = asked.json()
    emails = body.get(name) if isinstance(body, dict) else None
    if not isinstance(emails, list) or not emails or not all(isinstance(e, str) for e in emails):
        raise Refused(400, (f"{name} is required", name))
    return emails
