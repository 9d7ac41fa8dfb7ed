"""Consent to e-mail: the later statement wins, and doubt never turns into a yes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from kernel.contracts.errors import InvalidInput
from kernel.contracts.events import ConsentChanged
from kernel.contracts.profiles import ConsentBasis, ConsentState
from kernel.events.outbox import emit
from kernel.profiles.consent_ledger import FORMER, KINDS, MARKETING, Said, note
from kernel.profiles.frames import MOMENT
from kernel.profiles.staging import query_frame, stage

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.contracts.context import Context

STATES: tuple[str, ...] = ConsentState.__args__  # type: ignore[attr-defined]
YES = ("subscribed", "pending")

# With equal times the more careful state stays. A statement without a date only moves towards
# caution: a "no" ends a yes, a "yes" counts where nothing dated was ever said.
_RANK = "array_position(ARRAY['subscribed', 'unknown', 'pending', 'never', 'unsubscribed'], {0})"
_FORMER = ", ".join(f"w.old_{name}" for name in FORMER)
_APPLY = f"""
WITH wanted AS (
  SELECT c.id, s.state, s.source, coalesce(s.at, CASE WHEN s.state <> 'subscribed' THEN $2::timestamptz END) AS at,
         CASE WHEN s.wording <> '' OR s.state NOT IN ('subscribed', 'pending') THEN s.wording
              WHEN c.email_consent IN ('subscribed', 'pending') THEN c.consent_wording
              ELSE '' END AS wording,
         c.email_consent <> s.state AS turned, {", ".join(f"c.{n} AS old_{n}" for n in FORMER)}
  FROM {{asked}} s JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = s.customer_id
  WHERE c.erased_at IS NULL AND s.state <> 'unknown' AND CASE
    WHEN s.at IS NOT NULL THEN c.consent_at IS NULL OR s.at > c.consent_at
      OR (s.at = c.consent_at AND {_RANK.format("s.state")} > {_RANK.format("c.email_consent")})
    WHEN s.state = 'subscribed' THEN c.consent_at IS NULL AND c.email_consent IN ('unknown', 'pending')
    ELSE c.email_consent IN ('subscribed', 'unknown', 'pending') AND c.email_consent <> s.state END
  FOR UPDATE OF c)
UPDATE profiles_customer c SET email_consent = w.state, consent_source = w.source,
  consent_at = w.at, updated_at = now(),
  consent_wording = CASE WHEN w.state IN ('subscribed', 'pending') THEN w.wording
                         ELSE c.consent_wording END
FROM wanted w WHERE c.tenant_id = $1 AND c.id = w.id
RETURNING c.id, w.state, w.source, w.turned, w.at, w.wording, c.email, {_FORMER}
"""
_WRITTEN = {
    "id": pl.Int64,
    "state": pl.String,
    "source": pl.String,
    "turned": pl.String,
    "at": pl.String,
    "wording": pl.String,
    "email": pl.String,
    **{f"old_{name}": pl.String for name in FORMER},
}
_MOMENTS = ("at", "old_consent_at", "old_tracking_at")


async def set_consent(
    ctx: Context,
    customer_id: int,
    state: ConsentState,
    source: str,
    at: datetime,
    *,
    wording: str = "",
    basis: ConsentBasis = "express",
    evidence: Mapping[str, Any] | None = None,
) -> bool:
    """True when the customer's consent is another one now, in which case ConsentChanged was emitted.

    An older statement never overrides a newer one, so this may be called twice and out of order.
    """
    said = {customer_id: evidence} if evidence else None
    statements = [(customer_id, state, source, at)]
    return bool(await set_consents(ctx, statements, wording=wording, basis=basis, evidence=said))


async def set_consents(
    ctx: Context,
    statements: Sequence[tuple[int, ConsentState, str, datetime | None]],
    *,
    wording: str = "",
    basis: ConsentBasis = "express",
    evidence: Mapping[int, Mapping[str, Any]] | None = None,
) -> list[int]:
    """Ids of those whose state changed; at most one statement a customer. Each that counts stands in
    the consent ledger, in the same transaction.

    Args:
        ctx: the tenant.
        statements: customer_id, state, source (where they said it), and when, None where that
            is not known: such a statement only moves towards caution.
        wording: a name for the words they agreed to, with its version; kept on the profile.
        basis: on what a yes rests.
        evidence: customer_id -> plain data that proves it. Encrypted for the ledger, with a key that
            erasing the customer destroys.
    """
    _known({state for _, state, _, _ in statements})
    asked = "unnest($3::bigint[], $4::text[], $5::text[], $6::timestamptz[])"
    sql = _APPLY.format(
        asked=f"(SELECT *, $7::text AS wording FROM {asked} AS u(customer_id, state, source, at))"
    )
    arrays: list[Any] = [list(column) for column in zip(*statements, strict=True)] or [
        [],
        [],
        [],
        [],
    ]
    rows = await ctx.db.fetch(sql, ctx.tenant.id, ctx.now, *arrays, wording)
    times = {customer: at for customer, _, _, at in statements}
    if rows:
        proofs = evidence or {}
        note(ctx, [_said(ctx, basis, row, proofs.get(row["id"])) for row in rows])
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
    asked = statements.cast({"at": MOMENT}).with_columns(wording=pl.lit(""))
    await stage(ctx, "stage_consent", asked)
    sql = _APPLY.format(asked="stage_consent")
    written = await query_frame(ctx, _WRITTEN, sql, ctx.tenant.id, ctx.now)
    if written.height:
        note(ctx, _Imported(ctx, written))
    return frozenset(written["id"].to_list())


@dataclass(frozen=True)
class _Imported:
    """The statements of a history that counted, as entries when the ledger asks for them."""

    ctx: Context
    written: pl.DataFrame

    def __iter__(self) -> Iterator[Said]:
        # From COPY: an empty text comes as null, and a time as text that ends in +00.
        frame = self.written.with_columns(
            *(
                pl.col(name).str.to_datetime("%Y-%m-%d %H:%M:%S%.f%#z", time_unit="us")
                for name in _MOMENTS
            ),
            *(
                pl.col(name).fill_null("")
                for name in _WRITTEN
                if name not in ("id", "email", *_MOMENTS)
            ),
        )
        for row in frame.iter_rows(named=True):
            yield _said(self.ctx, "imported", row, None)


def _said(ctx: Context, basis: ConsentBasis, row: Any, evidence: Mapping[str, Any] | None) -> Said:
    state, former = row["state"], [row[f"old_{name}"] for name in FORMER]
    known = former[0] != "unknown" or former[4] != "unknown"
    return Said(
        kind=KINDS[state],
        purpose=MARKETING,
        occurred_at=row["at"] or ctx.now,
        customer_id=row["id"],
        email=row["email"],
        basis=basis if state in YES or basis == "imported" else "",
        wording=row["wording"],
        source=row["source"],
        detail=evidence if row["at"] is not None else {**(evidence or {}), "dated": False},
        former=former if known else None,
    )


def _known(states: set[str]) -> None:
    if wrong := sorted(states - set(STATES)):
        raise InvalidInput(
            f"{', '.join(wrong)}: no such state of consent.", f"Use one of {', '.join(STATES)}."
        )
