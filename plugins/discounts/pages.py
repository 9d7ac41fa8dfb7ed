"""What pages, panels and the command read of the book of codes."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal, get_args
from uuid import UUID

from kernel.sdk import Frozen, InvalidInput, offer_of
from plugins.discounts.limits import words

if TYPE_CHECKING:
    from kernel.sdk import Context

State = Literal["reserved", "sent", "used", "expired", "withdrawn"]
STATES: tuple[State, ...] = get_args(State)

# ~>=~ and ~<~ compare bytes, as the prefix indexes do whatever the database's language is.
_PREFIX = "({0} ~>=~ {1} AND {0} ~<~ ({1} || chr(1114111)))"
_WANTED = f"""
  AND d.id IN (
    SELECT f.id FROM discounts_code f WHERE f.tenant_id = $1 AND {_PREFIX.format("f.code", "$5")}
    UNION ALL
    SELECT f.id FROM profiles_customer c
    JOIN discounts_code f ON f.tenant_id = $1 AND f.customer_id = c.id
    WHERE c.tenant_id = $1 AND {_PREFIX.format("c.email", "$6")})
"""
# The page is chosen first and the names are found for its rows alone.
_PAGE = """
SELECT d.*, coalesce(nullif(trim(c.first_name || ' ' || c.last_name), ''), c.email) AS customer
FROM (
  SELECT d.id, d.code, d.offer, d.state, d.customer_id, d.message_id, d.campaign_id, d.campaign_type,
    d.reserved, d.settled, d.granted_at, d.used_at, d.reason,
    d.expires_at - interval '1 second' AS last_at
  FROM discounts_code d WHERE d.tenant_id = $1 AND d.id < $2 AND d.state = ANY($3::text[]) {wanted}
  ORDER BY d.id DESC LIMIT $4
) d
LEFT JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = d.customer_id
ORDER BY d.id DESC
"""
_LAST = 2**63 - 1


class Row(Frozen):
    """A code in the book."""

    id: int
    code: str
    offer: str
    state: State
    customer_id: int | None
    message_id: UUID
    campaign_id: UUID
    campaign_type: str
    reserved: Decimal
    settled: Decimal
    granted_at: datetime
    used_at: datetime | None
    reason: str
    last_at: datetime
    """The last second in which it can be used."""
    customer: str | None

    def words(self, currency: str) -> str:
        """`10 %` or `5.00 EUR`."""
        return said(self.offer, currency)


def said(name: str, currency: str) -> str:
    """The offer of this name as a person says it."""
    offer = offer_of(name)
    return words(offer, currency) if offer else ""


async def codes(
    ctx: Context, q: str = "", state: str = "", after: str = "", limit: int = 25
) -> tuple[list[Row], str]:
    """Codes, the newest first; and `after` of the next page, empty at the end.

    Args:
        ctx: the tenant.
        q: the beginning of a code or of a customer's e-mail address; empty for all.
        state: only those; empty for all.
        after: as the page before gave it.
        limit: how many.

    Raises:
        InvalidInput: there is no page `after`, or no such state.
    """
    if after and not (after.isdecimal() and int(after) <= _LAST):
        raise InvalidInput("This page does not exist.", "Begin again at the first.")
    if state and state not in STATES:
        raise InvalidInput(f"No code is ever {state[:30]!r}.", f"One of {', '.join(STATES)}.")
    last, states = int(after) if after else _LAST, [state] if state else list(STATES)
    args: list[Any] = [ctx.tenant.id, last, states, limit + 1]
    if q:
        args += [q.upper(), q.lower()]
    rows = await ctx.db.fetch(_PAGE.format(wanted=_WANTED if q else ""), *args)
    found = [Row(**row) for row in rows[:limit]]
    return found, str(found[-1].id) if len(rows) > limit else ""


async def counts(ctx: Context) -> dict[str, int]:
    """State -> codes; all states."""
    rows = await ctx.db.fetch(
        "SELECT state, count(*) AS codes FROM discounts_code WHERE tenant_id = $1 GROUP BY state",
        ctx.tenant.id,
    )
    return dict.fromkeys(STATES, 0) | {row["state"]: row["codes"] for row in rows}


async def open_codes(ctx: Context) -> int:
    """How many codes can still be used, or are about to be sent."""
    count: int = await ctx.db.fetchval(
        "SELECT count(*) FROM discounts_code WHERE tenant_id = $1 AND state IN ('reserved', 'sent')",
        ctx.tenant.id,
    )
    return count


async def of_campaign(ctx: Context, campaign_id: UUID) -> list[Any]:
    """offer, codes, reserved (of those still open), used, settled: one row an offer."""
    return await ctx.db.fetch(
        """SELECT offer, count(*) AS codes, count(*) FILTER (WHERE state = 'used') AS used,
             coalesce(sum(reserved) FILTER (WHERE state IN ('reserved', 'sent')), 0) AS reserved,
             sum(settled) AS settled
           FROM discounts_code WHERE tenant_id = $1 AND campaign_id = $2 GROUP BY offer ORDER BY offer""",
        ctx.tenant.id,
        campaign_id,
    )


async def of_message(ctx: Context, message_id: UUID) -> Any:
    """The code of a message, or None."""
    return await ctx.db.fetchrow(
        """SELECT code, offer, state, reserved, settled, granted_at, used_at, reason,
             expires_at - interval '1 second' AS last_at
           FROM discounts_code WHERE tenant_id = $1 AND message_id = $2""",
        ctx.tenant.id,
        message_id,
    )
