"""What SendGrid's own books say of a mail: Email Logs, else the Activity feed, where an account has them.

Only what carries our message id is believed: an address and a time alone could be another mail's.
"""

from __future__ import annotations

import asyncio
import random
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID
from weakref import WeakKeyDictionary

import httpx
import msgspec

from kernel.sdk import Receipt
from plugins.sendgrid.client import ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.sdk import Context
    from plugins.sendgrid.client import Account

WAIT = timedelta(minutes=60)
"""SendGrid's events settle nearly everything sooner."""
ASKED = 50
"""Messages a call, taken by lot from what is unknown: those the books never name must not be in the way."""
SECONDS = 40.0
"""After which no further message is asked about in this call."""
CLOSED = 3600.0
"""Seconds for which an account that has no books is not asked again."""
_PLAIN = re.compile(r"[\w.!#$%&*+/=?^`{|}~-]+@[\w.-]+")

_UNKNOWN = """
SELECT m.id, m.attempted_at, c.email FROM pipeline_message m
JOIN profiles_customer c ON c.tenant_id = m.tenant_id AND c.id = m.customer_id
WHERE m.tenant_id = $1 AND m.id = ANY($2::uuid[]) AND m.state = 'unknown' AND m.attempted_at <= $3
  AND c.email IS NOT NULL
"""

_closed: WeakKeyDictionary[
    asyncio.AbstractEventLoop, dict[tuple[tuple[str, str, str], str], float]
] = WeakKeyDictionary()


class NoBooks(Exception):
    """The account may not ask, or it was asked too often: nothing is known."""


async def settle(ctx: Context, account: Account, message_ids: Sequence[UUID]) -> list[Receipt]:
    """`accepted` for those of these unknown messages that SendGrid says it has; nothing of the rest.

    That SendGrid does not know a message is no proof that it will not send it: such a message is never
    said to be `retry`.
    """
    async with ctx.transaction() as tx:
        rows = await tx.db.fetch(_UNKNOWN, ctx.tenant.id, list(message_ids), ctx.now - WAIT)
    until = asyncio.get_running_loop().time() + SECONDS
    found = []
    for row in random.sample(rows, min(ASKED, len(rows))):
        if asyncio.get_running_loop().time() >= until:
            break
        try:
            provider_id = await find(account, row["id"], row["email"], row["attempted_at"])
        except (NoBooks, httpx.HTTPError):
            break
        if provider_id:
            found.append(
                Receipt(
                    message_id=row["id"],
                    state="accepted",
                    provider_id=provider_id,
                    reason="SendGrid's log holds it.",
                )
            )
    return found


async def find(account: Account, message_id: UUID, email: str, at: datetime) -> str:
    """The X-Message-Id under which SendGrid has the message; empty when its books do not name it.

    Raises:
        NoBooks: neither of them may be asked.
        httpx.HTTPError: SendGrid was not reached.
    """
    try:
        return await _in_logs(account, message_id, email, at)
    except NoBooks:
        return await _in_activity(account, message_id)


async def _in_logs(account: Account, message_id: UUID, email: str, at: datetime) -> str:
    if not _PLAIN.fullmatch(email):
        return ""  # it cannot be written into a query
    first, last = (_time(at + timedelta(minutes=by)) for by in (-5, 65))
    query = (
        f"to_email = '{email}' AND sg_message_id_created_at >= TIMESTAMP \"{first}\""
        f' AND sg_message_id_created_at <= TIMESTAMP "{last}"'
    )
    body = msgspec.json.encode({"query": query, "limit": 20})
    for line in (await _read(account, "logs", "POST", "/v3/logs", content=body)).get(
        "messages", []
    ):
        name = str(line.get("sg_message_id", ""))
        if not re.fullmatch(r"[\w.-]+", name):
            continue
        response = await ask(account, "GET", f"/v3/logs/{name}")
        if response.status_code == 200:
            arguments = response.json().get("custom_args") or {}
            if arguments.get("ae_message") == str(message_id):
                return name.partition(".")[0]
    return ""


async def _in_activity(account: Account, message_id: UUID) -> str:
    """The older feed can be asked by custom arg outright."""
    query = f"(unique_args['ae_message']=\"{message_id}\")"
    found = await _read(
        account, "activity", "GET", "/v3/messages", params={"query": query, "limit": 1}
    )
    for line in found.get("messages", []):
        return str(line.get("msg_id", "")).partition(".")[0]
    return ""


async def _read(account: Account, book: str, method: str, path: str, **request: Any) -> Any:
    loop = asyncio.get_running_loop()
    closed = _closed.setdefault(loop, {})
    key = (account.identity, book)
    if closed.get(key, 0.0) > loop.time():
        raise NoBooks
    response = await ask(account, method, path, **request)
    if response.status_code in (401, 402, 403, 404, 405):
        closed[key] = loop.time() + CLOSED
    if response.status_code != 200:
        raise NoBooks
    return response.json()


def _time(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
