"""Erasing people at SendGrid too. The address is needed until SendGrid has taken the job, and it cannot be
asked in the transaction that erases: so it is kept, encrypted, for just so long.

Only of those whom this channel ever wrote to. What is done or given up holds no address any more.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
import structlog

from kernel.sdk import Unavailable, decrypt, encrypt, new_id
from plugins.sendgrid.client import account, ask

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.sdk import Context

log = structlog.get_logger(__name__)

BATCH = 1000
"""Addresses a request; SendGrid takes 5,000 or 256 KB."""
GIVE_UP = timedelta(days=30)
PURPOSE = "sendgrid/erasure"

_WROTE_TO = """
SELECT c.email FROM profiles_customer c WHERE c.tenant_id = $1 AND c.id = $2 AND c.email IS NOT NULL
  AND EXISTS (SELECT FROM pipeline_message m
              JOIN pipeline_campaign k ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
              WHERE m.tenant_id = $1 AND m.customer_id = $2 AND m.attempts > 0
                AND k.channel = 'sendgrid')
"""
_DUE = """
SELECT id, sealed, asked_at FROM sendgrid_erasure
WHERE tenant_id = $1 AND done_at IS NULL AND next_at <= $2 ORDER BY next_at, id LIMIT $3
"""
_DONE = """
UPDATE sendgrid_erasure SET sealed = '', done_at = $3, how = $4
WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""
_LATER = """
UPDATE sendgrid_erasure SET tries = tries + 1, how = $4,
  next_at = $3::timestamptz + least(interval '1 day', interval '10 minutes' * power(2, least(tries, 10)))
WHERE tenant_id = $1 AND id = ANY($2::uuid[])
"""


async def queue(ctx: Context, customer_id: int) -> int:
    """Have SendGrid erase this customer too; in the transaction that erases. How many addresses wait."""
    email = await ctx.db.fetchval(_WROTE_TO, ctx.tenant.id, customer_id)
    if email is None:
        return 0
    await ctx.db.execute(
        """INSERT INTO sendgrid_erasure (tenant_id, id, asked_at, next_at, sealed, how)
           VALUES ($1, $2, $3, $3, $4, '')""",
        ctx.tenant.id,
        new_id(ctx.now),
        ctx.now,
        encrypt(ctx, PURPOSE, email.encode()),
    )
    return 1


async def erase(ctx: Context, payload: dict[str, Any]) -> None:
    """Hand what waits to SendGrid. Safe to run twice: to erase again changes nothing.

    Raises:
        Unavailable: some were given up after 30 days; they must be erased by hand.
    """
    who = account(ctx)
    given_up = 0
    while True:
        async with ctx.transaction() as tx:
            rows = await tx.db.fetch(_DUE, ctx.tenant.id, ctx.now, BATCH)
        if not rows:
            break
        opened = {row["id"]: decrypt(ctx, PURPOSE, row["sealed"]) for row in rows}
        old = [row["id"] for row in rows if row["asked_at"] <= ctx.now - GIVE_UP]
        for key in old:
            del opened[key]
        waiting = {key: email.decode() for key, email in opened.items() if email is not None}
        given_up += len(old)
        done: dict[UUID, None] = {}
        refused: list[UUID] = []
        problem = who.problem
        if waiting and not who.problem:
            done, refused, problem = await _hand_over(ctx, list(waiting.items()))
        later = opened.keys() - done.keys() - set(refused)
        if not problem and len(waiting) < len(opened):
            problem = "encrypted with a secret that is not set: see MAILWRIGHT_OLD_SECRETS"
        async with ctx.transaction() as tx:
            await tx.db.execute(_DONE, ctx.tenant.id, list(done), ctx.now, "taken")
            await tx.db.execute(_DONE, ctx.tenant.id, refused, ctx.now, "no address of theirs")
            await tx.db.execute(_DONE, ctx.tenant.id, old, ctx.now, "given up")
            await tx.db.execute(_LATER, ctx.tenant.id, list(later), ctx.now, problem)
        if later:
            log.warning("erasure at SendGrid waits", count=len(later), reason=problem)
            break
    if given_up:
        raise Unavailable(
            f"SendGrid was never reached to erase {given_up} addresses.",
            "Erase them in SendGrid's own console; whose they are stands in our record of erasures.",
        )


async def _hand_over(
    ctx: Context, waiting: Sequence[tuple[UUID, str]]
) -> tuple[dict[UUID, None], list[UUID], str]:
    """Those taken, those that SendGrid says are no addresses, and why the rest was not taken."""
    addresses = sorted({email for _, email in waiting if email})
    body = msgspec.json.encode({"email_addresses": addresses})
    try:
        response = await ask(account(ctx), "POST", "/v3/recipients/erasejob", content=body)
    except httpx.HTTPError as error:
        return {}, [], type(error).__name__
    if response.status_code == 202:
        return dict.fromkeys(key for key, _ in waiting), [], ""
    if response.status_code == 400:
        if len(waiting) == 1:
            return {}, [waiting[0][0]], ""
        halves = (waiting[: len(waiting) // 2], waiting[len(waiting) // 2 :])
        first, second = [await _hand_over(ctx, half) for half in halves]
        return first[0] | second[0], first[1] + second[1], first[2] or second[2]
    return {}, [], f"SendGrid answered {response.status_code}"
