"""Consent to be tracked (opens, clicks), apart from consent to mails: the later statement wins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from kernel.contracts.errors import InvalidInput
from kernel.contracts.profiles import ConsentBasis, TrackingState
from kernel.profiles.consent_ledger import FORMER, KINDS, TRACKING, Said, note

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from kernel.contracts.context import Context

STATES: tuple[str, ...] = TrackingState.__args__  # type: ignore[attr-defined]

# With equal times the "no" stays. Without a date a "no" always counts, a "yes" only where nobody asked.
_APPLY = f"""
WITH wanted AS (
  SELECT c.id, s.state, s.source, coalesce(s.at, $2::timestamptz) AS at,
         c.tracking_consent <> s.state AS turned, {", ".join(f"c.{n} AS old_{n}" for n in FORMER)}
  FROM unnest($3::bigint[], $4::text[], $5::text[], $6::timestamptz[]) s(customer_id, state, source, at)
  JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = s.customer_id
  WHERE c.erased_at IS NULL AND CASE
    WHEN s.at IS NOT NULL THEN c.tracking_at IS NULL OR s.at > c.tracking_at
      OR (s.at = c.tracking_at AND s.state = 'denied' AND c.tracking_consent <> 'denied')
    WHEN s.state = 'granted' THEN c.tracking_at IS NULL AND c.tracking_consent = 'unknown'
    ELSE c.tracking_consent <> 'denied' END
  FOR UPDATE OF c)
UPDATE profiles_customer c SET tracking_consent = w.state, tracking_source = w.source,
  tracking_at = w.at, updated_at = now()
FROM wanted w WHERE c.tenant_id = $1 AND c.id = w.id
RETURNING c.id, w.state, w.source, w.turned, w.at, c.email, {", ".join(f"w.old_{n}" for n in FORMER)}
"""


async def set_tracking_consent(
    ctx: Context,
    statements: Sequence[tuple[int, TrackingState, str, datetime | None]],
    *,
    wording: str = "",
    basis: ConsentBasis = "express",
    evidence: Mapping[int, Mapping[str, Any]] | None = None,
) -> list[int]:
    """Ids of those whose consent to be tracked changed; at most one statement a customer. Each that
    counts stands in the consent ledger, in the same transaction.

    Args:
        ctx: the tenant.
        statements: customer_id, `granted` or `denied`, source (where they said it), and when, None
            where that is not known: then a "yes" counts only for who was never asked.
        wording: a name for the words they agreed to, with its version.
        basis: on what a yes rests.
        evidence: customer_id -> plain data that proves it; encrypted for the ledger.
    """
    if not statements:
        return []
    if wrong := sorted({state for _, state, _, _ in statements} - set(STATES)):
        raise InvalidInput(
            f"{', '.join(wrong)}: no such consent to be tracked.", "Use granted or denied."
        )
    arrays = [list(column) for column in zip(*statements, strict=True)]
    rows = await ctx.db.fetch(_APPLY, ctx.tenant.id, ctx.now, *arrays)
    proofs = evidence or {}
    note(
        ctx,
        [
            Said(
                kind=KINDS[row["state"]],
                purpose=TRACKING,
                occurred_at=row["at"],
                customer_id=row["id"],
                email=row["email"],
                basis=basis if row["state"] == "granted" or basis == "imported" else "",
                wording=wording,
                source=row["source"],
                detail=proofs.get(row["id"]),
                former=[row[f"old_{name}"] for name in FORMER],
            )
            for row in rows
        ],
    )
    return [row["id"] for row in rows if row["turned"]]
