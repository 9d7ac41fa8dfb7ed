"""Consent to e-mail: the later statement wins, and doubt never turns into a yes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl

from kernel.contracts.errors import InvalidInput
from kernel.contracts.events import ConsentChanged
from kernel.contracts.profiles import ConsentState
from kernel.events.outbox import emit
from kernel.profiles.frames import MOMENT
from kernel.profiles.staging import stage

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from kernel.contracts.context import Context

STATES: tuple[str, ...] = ConsentState.__args__  # type: ignore[attr-defined]

# With equal times the more careful state stays. A statement without a date only moves towards
# caution: a "no" ends a yes, a "yes" counts where nothing dated was ever said.
_RANK = "array_position(ARRAY['subscribed', 'unknown', 'pending', 'never', 'unsubscribed'], {0})"
_APPLY = f"""
WITH wanted AS (
  SELECT c.id, s.state, s.source, coalesce(s.at, CASE WHEN s.state <> 'subscribed' THEN $2::timestamptz END) AS at,
         c.email_consent <> s.state AS turned
  FROM {{asked}} s JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = s.customer_id
  WHERE c.erased_at IS NULL AND s.state <> 'unknown' AND CASE
    WHEN s.at IS NOT NULL THEN c.consent_at IS NULL OR s.at > c.consent_at
      OR (s.at = c.consent_at AND {_RANK.format("s.state")} > {_RANK.format("c.email_consent")})
    WHEN s.state = 'subscribed' THEN c.consent_at IS NULL AND c.email_consent IN ('unknown', 'pending')
    ELSE c.email_consent IN ('subscribed', 'unknown', 'pending') AND c.email_consent <> s.state END
  FOR UPDATE OF c)
UPDATE profiles_customer c SET email_consent = w.state, consent_source = w.source,
  consent_at = w.at, updated_at = now()
FROM wanted w WHERE c.tenant_id = $1 AND c.id = w.id
RETURNING c.id, w.state, w.source, w.turned
"""


async def set_consent(
    ctx: Context, customer_id: int, state: ConsentState, source: str, at: datetime
) -> bool:
    """True when the customer's consent is another one now, in which case ConsentChanged was emitted.

    An older statement never overrides a newer one, so this may be called twice and out of order.
    """
    return bool(await set_consents(ctx, [(customer_id, state, source, at)]))


async def set_consents(
    ctx: Context, statements: Sequence[tuple[int, ConsentState, str, datetime | None]]
) -> list[int]:
    """Ids of those whose state changed; at most one statement a customer.

    Args:
        ctx: the tenant.
        statements: customer_id, state, source (where they said it), and when, None where that
            is not known: such a statement only moves towards caution.
    """
    _known({state for _, state, _, _ in statements})
    asked = "unnest($3::bigint[], $4::text[], $5::text[], $6::timestamptz[])"
    sql = _APPLY.format(asked=f"(SELECT * FROM {asked} AS u(customer_id, state, source, at))")
    arrays: list[Any] = [list(column) for column in zip(*statements, strict=True)] or [
        [],
        [],
        [],
        [],
    ]
    rows = await ctx.db.fetch(sql, ctx.tenant.id, ctx.now, *arrays)
    times = {customer: at for customer, _, _, at in statements}
    turned = [row for row in rows if row["turned"]]
    await emit(
        ctx,
        *(
            ConsentChanged(
                customer_id=row["id"],
                state=row["state"],
                source=row["source"],
                occurred_at=times[row["id"]] or ctx.now,
            )
            for row in turned
        ),
    )
    return [row["id"] for row in turned]


async def apply_consent(ctx: Context, statements: pl.DataFrame) -> frozenset[int]:
    """Ids of those whose consent was written; for histories: no events.

    Args:
        ctx: the tenant.
        statements: customer_id, state, source, at (null: not known when), one row a customer.
    """
    if not statements.height:
        return frozenset()
    _known(set(statements["state"].unique()))
    await stage(ctx, "stage_consent", statements.cast({"at": MOMENT}))
    rows = await ctx.db.fetch(_APPLY.format(asked="stage_consent"), ctx.tenant.id, ctx.now)
    return frozenset(row["id"] for row in rows)


def _known(states: set[str]) -> None:
    if wrong := sorted(states - set(STATES)):
        raise InvalidInput(
            f"{', '.join(wrong)}: no such state of consent.", f"Use one of {', '.join(STATES)}."
        )
