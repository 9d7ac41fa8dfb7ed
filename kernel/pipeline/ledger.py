"""The send ledger: one row per (tenant, campaign, customer, step), and every move between its states.

    candidate -> planned | skipped | held_out | suppressed | capped          (decided)
    planned, deferred -> attempting | deferred | suppressed | capped         (claimed)
    attempting -> accepted | rejected | planned (certainly not taken) | unknown
    unknown -> accepted | planned                      (only what the channel knows for certain)
    unknown -> rejected                                (after days without a sign of it)
    candidate, planned, deferred -> cancelled          (merchant, or the reason to write is gone)

The claim is the row lock of the transaction that commits `attempting`: a worker that dies before
that commit has changed nothing, and one that dies after it leaves an attempt whose lease runs out
and which then is `unknown`. Leases are machine time (`now()` of Postgres), due times the tenant's.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

from kernel.contracts.delivery import mailbox_of
from kernel.contracts.events import MessagesAccepted
from kernel.events.outbox import emit

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from kernel.contracts.campaigns import Campaign
    from kernel.contracts.context import Context
    from kernel.contracts.decisions import Verdict
    from kernel.contracts.delivery import Outgoing, Receipt
    from kernel.tenancy.scope import TenantScope

DUE = ("planned", "deferred")
"""The states in which a message may be claimed."""

ATTEMPTS = 20
"""After so many attempts that the channel did not take, a message has failed."""
LONGEST_WAIT_HOURS = 4
"""Waits between attempts, where the channel names none: 5 minutes, 10, 20 … up to this."""

UNDECIDED = """
SELECT id AS message_id, customer_id, step FROM pipeline_message
WHERE tenant_id = $1 AND campaign_id = $2 AND state = 'candidate' AND (customer_id, step) > ($4, $5)
ORDER BY customer_id, step LIMIT $3 FOR UPDATE SKIP LOCKED
"""

STILL_UNDECIDED = """
SELECT id FROM pipeline_message
WHERE tenant_id = $1 AND campaign_id = $2 AND state = 'candidate' AND id = ANY($3::uuid[])
ORDER BY customer_id, step FOR UPDATE
"""

# Held until the end of the transaction that commits the attempt, before any message: who takes a
# campaign back, stops or ends it comes before the attempt or after it, never between. And of two claims
# one comes after the other, so that both together take no more than the wave.
GOING = """
SELECT id, urgent, wave_left FROM pipeline_campaign
WHERE tenant_id = $1 AND id = $2 AND status = 'sending' AND begun_at IS NOT NULL
  AND (send_at IS NULL OR send_at <= $3) AND (hold_until IS NULL OR hold_until <= $4)
FOR NO KEY UPDATE
"""

# Every switch is looked at here, in the transaction that commits the attempt.
CLAIM = """
SELECT m.id AS message_id, m.customer_id, m.step, m.variant FROM pipeline_message m
JOIN pipeline_campaign c ON c.tenant_id = m.tenant_id AND c.id = m.campaign_id
JOIN tenancy_tenant t ON t.tenant_id = m.tenant_id
CROSS JOIN tenancy_switch s
WHERE m.tenant_id = $1 AND m.campaign_id = $2 AND m.state = $5 AND m.customer_id > $6
  AND (m.due_at IS NULL OR m.due_at <= $3)
  AND c.status = 'sending' AND t.halted_at IS NULL AND s.halted_at IS NULL
ORDER BY m.customer_id LIMIT $4 FOR UPDATE OF m SKIP LOCKED
"""

# Two campaigns that write to one customer at the same moment must see each other's attempt, or both
# would pass the frequency cap. Who is being changed right now (another attempt, an unsubscribe) is
# passed over and found again by the next claim: nobody waits, so nobody waits in a circle.
LOCK_CUSTOMERS = """
SELECT id FROM profiles_customer WHERE tenant_id = $1 AND id = ANY($2::bigint[])
FOR NO KEY UPDATE SKIP LOCKED
"""

# Whatever the server is set to: an attempt that it forgot when it died would be made twice.
ON_DISK = "SET LOCAL synchronous_commit = on"

ATTEMPT = """
UPDATE pipeline_message m SET state = 'attempting', attempts = attempts + 1, attempted_at = $4,
  lease_until = now() + make_interval(secs => $5), reason = '', mailbox = r.mailbox, updated_at = now()
FROM unnest($2::uuid[], $3::text[]) r (id, mailbox)
WHERE m.tenant_id = $1 AND m.id = r.id
"""

# What was not taken waits longer each time, and not for ever.
SETTLE = f"""
UPDATE pipeline_message m SET
  state = CASE WHEN r.state = 'planned' AND m.attempts >= {ATTEMPTS} THEN 'rejected' ELSE r.state END,
  reason = CASE WHEN r.state = 'planned' AND m.attempts >= {ATTEMPTS}
    THEN 'Not taken in {ATTEMPTS} attempts: ' || r.reason ELSE r.reason END,
  due_at = CASE WHEN r.state = 'planned' AND m.attempts >= {ATTEMPTS} THEN NULL
    WHEN r.state = 'planned' THEN coalesce(r.due_at, $2::timestamptz + least(
      interval '{LONGEST_WAIT_HOURS} hours', interval '5 minutes' * 2 ^ greatest(m.attempts - 1, 0)))
    ELSE r.due_at END,
  provider_id = coalesce(nullif(r.provider_id, ''), m.provider_id),
  accepted_at = CASE WHEN r.state = 'accepted' THEN $2 ELSE m.accepted_at END,
  lease_until = CASE WHEN r.state = 'unknown' THEN now() ELSE NULL END, updated_at = now()
FROM unnest($3::uuid[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
  r (id, state, reason, due_at, provider_id)
WHERE m.tenant_id = $1 AND m.id = r.id AND m.state = ANY($8::text[])
RETURNING m.id, m.customer_id, m.campaign_id, m.state
"""

EXPIRE_LEASES = """
UPDATE pipeline_message SET state = 'unknown', updated_at = now(), lease_until = now(),
  reason = 'The worker stopped between handing over and recording the answer.'
WHERE tenant_id = $1 AND id IN (
  SELECT id FROM pipeline_message WHERE tenant_id = $1 AND state = 'attempting'
    AND lease_until < now() FOR UPDATE SKIP LOCKED)
"""

GIVE_UP = """
UPDATE pipeline_message SET state = 'rejected', reason = $4, lease_until = NULL, updated_at = now()
WHERE tenant_id = $1 AND campaign_id = $2 AND state = 'unknown' AND attempted_at <= $3
"""

UNSETTLED = """
UPDATE pipeline_message SET lease_until = now() + interval '60 seconds' WHERE tenant_id = $1
  AND id IN (SELECT id FROM pipeline_message WHERE tenant_id = $1 AND campaign_id = $2
             AND state = 'unknown' AND lease_until <= now() LIMIT $3 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


async def undecided(
    ctx: Context, campaign_id: UUID, size: int, after: tuple[int, int] = (0, 0)
) -> list[Any]:
    """The next rows to decide, locked; by customer and step, and only those after this one."""
    return await ctx.db.fetch(UNDECIDED, ctx.tenant.id, campaign_id, size, *after)


async def still_undecided(ctx: Context, campaign_id: UUID, ids: Sequence[UUID]) -> set[UUID]:
    """Those of these rows that nobody decided or took out meanwhile, locked."""
    rows = await ctx.db.fetch(STILL_UNDECIDED, ctx.tenant.id, campaign_id, list(ids))
    return {row["id"] for row in rows}


async def going(ctx: Context, campaign_id: UUID) -> Any:
    """The campaign's row (id, urgent, wave_left), locked, if it is going out now; else None."""
    machine = cast("TenantScope", ctx).core.clock.now()
    return await ctx.db.fetchrow(GOING, ctx.tenant.id, campaign_id, ctx.now, machine)


async def claim(
    ctx: Context, campaign_id: UUID, state: str, after: int, size: int
) -> tuple[list[Any], int]:
    """The next messages due, locked together with their customers; and the last customer looked at.

    Args:
        ctx: the tenant, its campaign locked by `going`.
        campaign_id: of which campaign.
        state: one of DUE.
        after: only customers with a greater id. Whoever starts at 0 each time reads again, and ever
            more, of what was claimed before.
        size: how many at most.
    """
    rows = await ctx.db.fetch(CLAIM, ctx.tenant.id, campaign_id, ctx.now, size, state, after)
    if not rows:
        return [], 0
    customers = [row["customer_id"] for row in rows]
    free = {row["id"] for row in await ctx.db.fetch(LOCK_CUSTOMERS, ctx.tenant.id, customers)}
    return [row for row in rows if row["customer_id"] in free], customers[-1]


async def attempt(ctx: Context, messages: Sequence[Outgoing], lease: float) -> None:
    """Mark messages as handed over from now on, under a lease of so many seconds."""
    await ctx.db.execute(ON_DISK)
    await ctx.db.execute(
        ATTEMPT,
        ctx.tenant.id,
        [message.id for message in messages],
        [mailbox_of(message.recipient.email) for message in messages],
        ctx.now,
        lease,
    )


async def deny(ctx: Context, verdicts: Mapping[UUID, Verdict]) -> None:
    """Move messages that a rule stopped at hand-over to where they are counted."""
    await _settle(
        ctx,
        [
            (key, verdict.outcome, f"{verdict.rule}: {verdict.reason}", verdict.until, "")
            for key, verdict in verdicts.items()
        ],
        ("planned", "deferred"),
    )


async def forget(ctx: Context, ids: Iterable[UUID]) -> None:
    """Cancel the messages of customers whose profile is gone."""
    rows = [(key, "cancelled", "The customer's profile is gone.", None, "") for key in ids]
    await _settle(ctx, rows, ("candidate", "planned", "deferred"))


async def settle(
    ctx: Context,
    campaign: Campaign,
    receipts: Iterable[Receipt],
    since: Sequence[str],
    retry_at: datetime | None = None,
) -> int:
    """Record a channel's answers and tell of what was accepted; returns how many rows moved.

    Args:
        ctx: the tenant.
        campaign: whose messages these are.
        receipts: the answers.
        since: the states the rows may be in; others are left alone, so a late answer changes nothing.
        retry_at: when those certainly not taken are due again, where their receipts do not say. None:
            after a while, that is longer after each attempt.
    """
    rows = [
        (
            receipt.message_id,
            "planned" if receipt.state == "retry" else receipt.state,
            receipt.reason,
            (receipt.retry_at or retry_at) if receipt.state == "retry" else None,
            receipt.provider_id,
        )
        for receipt in receipts
    ]
    moved = await _settle(ctx, rows, since)
    accepted = [row for row in moved if row["state"] == "accepted"]
    if accepted:
        await emit(
            ctx,
            MessagesAccepted(
                occurred_at=ctx.now,
                campaign_id=campaign.id,
                campaign_type=campaign.campaign_type,
                message_ids=tuple(row["id"] for row in accepted),
                customer_ids=tuple(row["customer_id"] for row in accepted),
            ),
        )
    return len(moved)


async def expire_leases(ctx: Context) -> None:
    """Attempts whose worker died become `unknown`."""
    await ctx.db.execute(EXPIRE_LEASES, ctx.tenant.id)


async def give_up_unknown(ctx: Context, campaign_id: UUID) -> int:
    """Unknown messages of which nothing was heard for `sending.unknown_hours` have failed; returns how
    many. Should anything be heard later, `outcomes.record` moves them after all.
    """
    hours = ctx.tenant.sending.unknown_hours
    tag = await ctx.db.execute(
        GIVE_UP,
        ctx.tenant.id,
        campaign_id,
        ctx.now - timedelta(hours=hours),
        f"No sign of it for {hours} hours: taken as not sent.",
    )
    return int(tag.rpartition(" ")[2])


async def unsettled(ctx: Context, campaign_id: UUID, size: int) -> list[UUID]:
    """Unknown messages to ask the channel about now; the same are not asked again for a minute."""
    rows = await ctx.db.fetch(UNSETTLED, ctx.tenant.id, campaign_id, size)
    return [row["id"] for row in rows]


async def cancel(ctx: Context, campaign_id: UUID, reason: str, state: str = "cancelled") -> int:
    """Give up all that still waits in a campaign; attempts under way are left to their answer."""
    tag = await ctx.db.execute(
        """UPDATE pipeline_message SET state = $4, reason = $3, due_at = NULL, updated_at = now()
           WHERE tenant_id = $1 AND campaign_id = $2
             AND state IN ('candidate', 'planned', 'deferred')""",
        ctx.tenant.id,
        campaign_id,
        reason,
        state,
    )
    return int(tag.rpartition(" ")[2])


async def remember(ctx: Context, campaign_id: UUID) -> None:
    """Keep what `cancel` would take away from a campaign now, so that it can be given back."""
    await ctx.db.execute(
        """INSERT INTO pipeline_undo (tenant_id, campaign_id, message_id, at, state, reason, due_at)
           SELECT $1, $2, id, $3, state, reason, due_at FROM pipeline_message
           WHERE tenant_id = $1 AND campaign_id = $2 AND state IN ('candidate', 'planned', 'deferred')
           FOR UPDATE""",
        ctx.tenant.id,
        campaign_id,
        ctx.now,
    )


async def give_back(ctx: Context, campaign_id: UUID) -> int:
    """Undo a `cancel` after `remember`, to the message; returns how many came back.

    Who was taken out before, and whose profile is gone since, stays out.
    """
    tag = await ctx.db.execute(
        """WITH kept AS (DELETE FROM pipeline_undo WHERE tenant_id = $1 AND campaign_id = $2
             RETURNING message_id, state, reason, due_at)
           UPDATE pipeline_message m SET state = k.state, reason = k.reason, due_at = k.due_at,
             updated_at = now() FROM kept k
           WHERE m.tenant_id = $1 AND m.id = k.message_id AND m.state = 'cancelled'""",
        ctx.tenant.id,
        campaign_id,
    )
    return int(tag.rpartition(" ")[2])


async def attempted(ctx: Context, campaign_id: UUID) -> bool:
    """Whether any message of the campaign was ever handed over, or may have been."""
    found: bool = await ctx.db.fetchval(
        """SELECT EXISTS (SELECT FROM pipeline_message WHERE tenant_id = $1 AND campaign_id = $2
             AND attempts > 0)""",
        ctx.tenant.id,
        campaign_id,
    )
    return found


async def _settle(
    ctx: Context, rows: Sequence[tuple[UUID, str, str, datetime | None, str]], since: Sequence[str]
) -> list[Any]:
    if not rows:
        return []
    ids, states, reasons, dues, providers = zip(*rows, strict=True)
    return await ctx.db.fetch(
        SETTLE,
        ctx.tenant.id,
        ctx.now,
        list(ids),
        list(states),
        list(reasons),
        list(dues),
        list(providers),
        list(since),
    )
