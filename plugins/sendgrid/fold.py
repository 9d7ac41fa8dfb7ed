"""From stored events to the ledger: whose each is, what became of the message, who is left alone.

One batch is one transaction. A bounce or a complaint takes its address out in that transaction, also
where it is not known yet which mail it is about.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kernel.sdk import Heard, Outcome, heard, record_outcomes, set_consents, suppress
from plugins.sendgrid import matching, repo, whole
from plugins.sendgrid.events import MALFORMED, decoded
from plugins.sendgrid.states import Fate, Reason, Seen, fate, suppression

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kernel.sdk import Context
    from plugins.sendgrid.matching import Match

BATCH = 2000
AGAIN = (timedelta(minutes=1), timedelta(minutes=5), timedelta(minutes=20))
"""When an event that nobody can be found for is looked at again; at last after `matching.PATIENCE`."""
BUSY = timedelta(seconds=5)
"""When events of a message that is being changed right now are looked at again."""
LONGEST = 300
"""Characters of a reason that are kept."""
_ADDRESS = re.compile(r"""[^\s<>"'(),;:]+@[^\s<>"'(),;:]+""")

SETTLED = {
    "rejected": ("rejected", "delivered", "bounced"),
    **dict.fromkeys(("accepted", "delivered", "bounced"), ("accepted", "delivered", "bounced")),
}
"""Fate -> the states of the ledger in which it says nothing new of whether SendGrid has the message."""

PROOFS = frozenset(("processed", "deferred", "open", "machine_open", "click"))
"""Kinds that prove that SendGrid has the message, and nothing more."""

_LOCK = """
SELECT id, state FROM pipeline_message WHERE tenant_id = $1 AND id = ANY($2::uuid[])
FOR NO KEY UPDATE SKIP LOCKED
"""


async def fold(ctx: Context, limit: int = BATCH) -> int:
    """Fold the next events; how many were looked at, or `limit` where there may be more posts to take
    apart. In the transaction of `ctx`.
    """
    posts = await whole.take_apart(ctx)
    picked = await repo.pick(ctx, limit)
    if not picked:
        return limit if posts else 0
    matches = await matching.match(ctx, picked)
    free = await _lock(ctx, {one.message_id for one in matches.values()})
    busy = [key for key, one in matches.items() if one.message_id not in free]
    await repo.wait(ctx, busy, ctx.now + BUSY, tries=0)
    events = [one for one in picked if one["event_id"] not in set(busy)]
    await _settle(ctx, events, matches)
    await _suppress(ctx, events, matches)
    await _tell(ctx, [one for one in events if one["event_id"] in matches], matches, free)
    return limit if posts else len(picked)


async def _lock(ctx: Context, ids: set[UUID]) -> dict[UUID, str]:
    """The states of those messages that nobody else changes now, held: two folds see each other's events."""
    rows = await ctx.db.fetch(_LOCK, ctx.tenant.id, list(ids)) if ids else []
    return {row["id"]: row["state"] for row in rows}


async def _settle(ctx: Context, events: Sequence[Any], matches: Mapping[str, Match]) -> None:
    """Note whose each event is, or when it is looked at again."""
    done: list[tuple[str, UUID | None, str]] = []
    waiting: dict[int, list[str]] = defaultdict(list)
    counts: Counter[tuple[str, str]] = Counter()
    for one in events:
        key, match = one["event_id"], matches.get(one["event_id"])
        if match is None and _may_come(ctx, one):
            waiting[one["tries"]].append(key)
            continue
        how = match.how if match else _nobody(one)
        done.append((key, match.message_id if match else None, how))
        counts[one["kind"], how] += 1
    await repo.settle(ctx, done)
    for tries, keys in waiting.items():
        pause = AGAIN[min(tries, len(AGAIN) - 1)]
        await repo.wait(ctx, keys, ctx.now + pause)
    await repo.count(ctx, counts)


def _may_come(ctx: Context, event: Any) -> bool:
    """Whether waiting can tell more of an event that is nobody's so far."""
    if _stranger(event) or event["kind"] == MALFORMED or not event["email"]:
        return False
    return bool(ctx.now - event["received_at"] < matching.PATIENCE)


def _nobody(event: Any) -> str:
    if event["kind"] == MALFORMED:
        return MALFORMED
    return matching.STRANGER if _stranger(event) else "nobody"


def _stranger(event: Any) -> bool:
    """Of an event without a message: it names another tenant, or what is no message of this one."""
    return bool(event["named"] is not None or event["how"] == matching.STRANGER)


async def _suppress(ctx: Context, events: Sequence[Any], matches: Mapping[str, Match]) -> None:
    """Take out who must not be written to again: when an event is first looked at, and its mail found."""
    ending = [
        (one, reason)
        for one in events
        if (not one["tries"] or one["event_id"] in matches)
        and (reason := suppression(one["kind"], _reason(one) if one["kind"] == "dropped" else ""))
    ]
    if not ending:
        return
    known = await matching.customers(ctx, list({one["email"] for one, _ in ending}))
    gone: dict[tuple[str, Reason], UUID | None] = {}
    left: dict[int, datetime] = {}
    for one, reason in ending:
        match = matches.get(one["event_id"])
        if match is None and (_stranger(one) or one["email"] not in known):
            continue  # of another tenant, or of nobody we know
        customer_id = match.customer_id if match else known[one["email"]]
        if email := one["email"] or (match.email if match else None):
            gone.setdefault((email, reason), match.message_id if match else None)
        if reason != "bounced":
            left[customer_id] = max(left.get(customer_id, one["at"]), one["at"])
    # By address: each locks its customer, and nobody should wait in a circle.
    for (email, reason), message_id in sorted(gone.items(), key=lambda item: item[0]):
        await suppress(ctx, email, reason, message_id)
    if left:
        await set_consents(
            ctx, [(one, "unsubscribed", "sendgrid", at) for one, at in sorted(left.items())]
        )


async def _tell(
    ctx: Context,
    events: Sequence[Any],
    matches: Mapping[str, Match],
    states: Mapping[UUID, str],
) -> None:
    """Bring the ledger to what is known now of each message that these events are about."""
    about: dict[UUID, list[Any]] = defaultdict(list)
    for one in events:
        about[matches[one["event_id"]].message_id].append(one)
    for key in [key for key, new in about.items() if _tells_nothing(states[key], new)]:
        del about[key]
    history: dict[UUID, list[Seen]] = defaultdict(list)
    for row in await repo.histories(ctx, list(about)):
        seen = Seen(event_id=row["event_id"], kind=row["kind"], at=row["at"])
        history[row["message_id"]].append(seen)
    people = {one.message_id: one.customer_id for one in matches.values()}
    fates = {message_id: fate(history[message_id]) for message_id in about}
    told = [
        one
        for key, new in about.items()
        if states[key] not in SETTLED.get(fates[key].state, ())
        if (one := _heard(key, fates[key], new))
    ]
    await heard(ctx, told)
    outcomes = [
        outcome
        for key, new in about.items()
        for outcome in _outcomes(key, people[key], fates[key], new)
    ]
    await record_outcomes(ctx, outcomes)


def _tells_nothing(state: str, new: Sequence[Any]) -> bool:
    """Whether events prove only what the ledger says already: most do, and cost no look at the others."""
    return state in SETTLED["accepted"] and all(one["kind"] in PROOFS for one in new)


def _heard(message_id: UUID, now: Fate, new: Sequence[Any]) -> Heard | None:
    if not now.state:
        return None
    dropped = now.state == "rejected"
    return Heard(
        message_id=message_id,
        state="rejected" if dropped else "accepted",
        at=min(one["at"] for one in new),
        provider_id=max(one["request"] for one in new),
        reason=_dropped(new) if dropped else "",
    )


def _dropped(new: Sequence[Any]) -> str:
    said = next((_reason(one) for one in new if one["kind"] == "dropped"), "")
    return f"SendGrid did not send it: {said}." if said else "SendGrid did not send it."


def _outcomes(message_id: UUID, customer_id: int, now: Fate, new: Sequence[Any]) -> list[Outcome]:
    """What the new events add; what was told before is recorded already."""
    kinds = {one["kind"] for one in new}
    found: list[tuple[str, Any, dict[str, Any]]] = []
    if "delivered" in kinds:
        found.append(("delivered", now.delivered_at, {}))
    if kinds & {"bounce", "blocked"}:
        worst = next((one for one in new if one["kind"] == "bounce"), None)
        worst = worst or next(one for one in new if one["kind"] == "blocked")
        detail = {"hard": int(now.hard), "reason": _reason(worst)}
        found.append(("bounced", now.bounced_at, detail))
    if "spamreport" in kinds:
        found.append(("complained", now.complained_at, {}))
    if kinds & {"unsubscribe", "group_unsubscribe"}:
        found.append(("unsubscribed", now.unsubscribed_at, {"by": "sendgrid"}))
    return [
        Outcome(message_id=message_id, customer_id=customer_id, kind=kind, at=at, detail=detail)  # type: ignore[arg-type]
        for kind, at, detail in found
    ]


def _reason(event: Any) -> str:
    """What SendGrid, or the recipient's server, gives as the reason, without addresses: it is kept when
    the person is erased. Empty where there is none.
    """
    reason = decoded(bytes(event["raw"])).get("reason")
    if not isinstance(reason, str):
        return ""
    return _ADDRESS.sub(
        "(address)", reason[:LONGEST].encode(errors="replace").decode().replace("\0", "")
    ).strip()
