"""A mail that came back, told to the ledger: whose it is, what follows, and that only once.

Whose: the message whose mark stands in the address that it came to, else in the mail. Without any mark, the
message whose id stands in it, and then only if it names the address that this message went to. What it says
of other addresses (somebody forwards their mail to a mailbox that is gone) never takes anybody out.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Literal
from uuid import UUID

from kernel.sdk import Frozen, Heard, Outcome, heard, record_outcomes, set_consents, suppress
from plugins.smtp import marks, reports
from plugins.smtp.addresses import same
from plugins.smtp.marks import MARK
from plugins.smtp.words import addresses

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kernel.sdk import Context
    from plugins.smtp.reports import Report, Said

What = Literal["hard", "soft", "delayed", "delivered", "relayed", "complaint", "again", "nothing"]
SOURCE = "complaint report"
MOST = 20
"""Marks and ids that are looked at in one mail: it speaks of one."""
_ID = re.compile(
    r"<([0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})@[^<>\s]{1,255}>",
    re.IGNORECASE,
)
_WORST: tuple[str, ...] = ("complaint", "hard", "soft", "delivered", "relayed", "delayed")

_MESSAGE = """
SELECT m.id, m.customer_id, c.email FROM pipeline_message m
LEFT JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = m.customer_id
WHERE m.tenant_id = $1 AND m.id = ANY($2::uuid[])
  AND (m.attempts > 0 OR m.state IN ('attempting', 'unknown', 'rejected', 'accepted', 'delivered', 'bounced'))
"""
_LOCK = "SELECT FROM pipeline_message WHERE tenant_id = $1 AND id = $2 FOR NO KEY UPDATE"
_KNOWN = """
SELECT kind, coalesce(detail ->> 'hard', '') AS hard FROM pipeline_outcome
WHERE tenant_id = $1 AND message_id = $2
"""
WORDS: dict[What, str] = {
    "hard": "a bounce for good: the address is not written to again",
    "soft": "a bounce that is not for good: counted",
    "delayed": "it takes longer: the mail server has the mail, and goes on trying",
    "delivered": "it was delivered",
    "relayed": "it went on to a server that tells no more",
    "complaint": "a complaint: the customer is not written to again",
    "again": "it was told before; nothing was changed",
}


class Taken(Frozen):
    """What was made of a mail."""

    what: What
    words: str
    """A sentence, without addresses."""
    message_id: UUID | None = None


class _Found(Frozen):
    """The message that a mail is about."""

    message_id: UUID
    customer_id: int
    email: str
    """The customer's address now; empty where they were erased."""
    fits: Callable[[str], bool]
    """Whether an address is the one that the message went to."""


async def take(ctx: Context, raw: bytes, recipient: str = "") -> Taken:
    """Record what the mail says, in the transaction of `ctx`. Twice and in any order is the same.

    Args:
        ctx: the tenant.
        raw: as it came.
        recipient: the address that it came to, where the mail server tells.
    """
    report = reports.read(raw)
    if report.nothing:
        return Taken(what="nothing", words=report.nothing)
    found = await _whose(ctx, report, recipient)
    if found is None:
        return Taken(what="nothing", words="It is about no mail of this shop, as far as it proves.")
    said = _about(report.said, found)
    await ctx.db.execute(_LOCK, ctx.tenant.id, found.message_id)
    what: What = said.kind
    if await _known(ctx, found.message_id, said.kind):
        what = "again"
    else:
        await _tell(ctx, found, said)
    return Taken(what=what, words=WORDS[what], message_id=found.message_id)


async def _whose(ctx: Context, report: Report, recipient: str) -> _Found | None:
    for text in (f"<{recipient}>", report.to, report.text):
        ours = [one for each in _first(MARK.findall(text)) if (one := marks.read(ctx, each))]
        if ours:
            mark = ours[0]
            # Two messages in one place: nobody knows which it is about.
            if any(one.message_id != mark.message_id for one in ours):
                return None
            rows = await ctx.db.fetch(_MESSAGE, ctx.tenant.id, [mark.message_id])
            return _found(rows[0], partial(mark.fits, ctx)) if rows else None
    ids = [UUID(one) for one in _first(_ID.findall(report.text))]
    rows = await ctx.db.fetch(_MESSAGE, ctx.tenant.id, ids) if ids else []
    if len(rows) != 1 or not rows[0]["email"]:
        return None
    now = str(rows[0]["email"])
    found = _found(rows[0], partial(same, now))
    named = [one for said in report.said for one in said.addresses]
    # Complaints often hide whom they are from; the mail that they enclose shows whom it went to.
    enclosed = addresses(report.text) if report.said[0].kind == "complaint" else ()
    return found if any(map(found.fits, (*named, *enclosed))) else None


def _first(found: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(one.lower() for one in found))[:MOST]


def _found(row: Any, fits: Callable[[str], bool]) -> _Found:
    return _Found(
        message_id=row["id"], customer_id=row["customer_id"], email=row["email"] or "", fits=fits
    )


def _about(every: tuple[Said, ...], found: _Found) -> Said:
    """What is said of whom the message went to. Of others only, a failure is not for good."""
    own = [one for one in every if not one.addresses or any(map(found.fits, one.addresses))]
    if own:
        return min(own, key=lambda one: _WORST.index(one.kind))
    worst = min(every, key=lambda one: _WORST.index(one.kind))
    if worst.kind != "hard":
        return worst
    return reports.Said(kind="soft", addresses=worst.addresses, reason=worst.reason)


async def _known(ctx: Context, message_id: UUID, kind: str) -> bool:
    rows = await ctx.db.fetch(_KNOWN, ctx.tenant.id, message_id)
    known = {(row["kind"], row["hard"]) for row in rows}
    if kind == "complaint":
        return ("complained", "") in known
    if kind == "hard":
        return ("bounced", "1") in known
    if kind == "soft":
        return any(one == "bounced" for one, _ in known)
    return kind == "delivered" and any(one in ("delivered", "bounced") for one, _ in known)


async def _tell(ctx: Context, found: _Found, said: Said) -> None:
    # Whatever it says: a server had taken the mail, or nobody could speak of it.
    await heard(ctx, [Heard(message_id=found.message_id, state="accepted", at=ctx.now)])
    if said.kind in ("hard", "soft"):
        hard = int(said.kind == "hard")
        await _record(ctx, found, "bounced", {"hard": hard, "reason": said.reason})
    elif said.kind == "complaint":
        await _record(ctx, found, "complained", {"reason": said.reason})
    elif said.kind == "delivered":
        await _record(ctx, found, "delivered", {})
    if said.kind in ("hard", "complaint"):
        reason: Literal["bounced", "complained"] = (
            "bounced" if said.kind == "hard" else "complained"
        )
        # The address that the message went to, and no other: the customer may have a new one since. Who
        # was erased is on the list already, for a reason that stays.
        gone = next((one for one in (*said.addresses, found.email) if found.fits(one)), "")
        if gone and found.email:
            email = found.email if same(gone, found.email) else gone
            await suppress(ctx, email, reason, found.message_id)
    if said.kind == "complaint":
        await set_consents(ctx, [(found.customer_id, "unsubscribed", SOURCE, ctx.now)])


async def _record(
    ctx: Context,
    found: _Found,
    kind: Literal["bounced", "complained", "delivered"],
    detail: dict[str, str | int | float],
) -> None:
    outcome = Outcome(
        message_id=found.message_id,
        customer_id=found.customer_id,
        kind=kind,
        at=ctx.now,
        detail=detail,
    )
    await record_outcomes(ctx, [outcome])
