"""What a customer ever said about being written to and tracked, read from the ledger."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from kernel.contracts.base import Frozen
from kernel.contracts.profiles import ConsentKind
from kernel.profiles import consent_chain as chain
from kernel.profiles import consent_keys as locks
from kernel.profiles.consent_ledger import COLUMNS, flush

if TYPE_CHECKING:
    from kernel.contracts.context import Context


class ConsentEntry(Frozen):
    """An entry of a person's history."""

    seq: int
    kind: ConsentKind
    purpose: str
    """`marketing`, `tracking` or `topic:<topic>`."""
    basis: str
    wording: str
    source: str
    occurred_at: datetime
    recorded_at: datetime
    hash: str
    """In hex, as in the signed export."""
    evidence: dict[str, Any] | None
    """None where there is none, or the key is gone."""


async def consent_history(ctx: Context, customer_id: int) -> list[ConsentEntry]:
    """A customer's entries, newest first, with their evidence; none for who was erased."""
    await flush(ctx)
    tenant, ring = ctx.tenant.id, chain.ring(ctx)
    person = (await locks.people(ctx, ring, [customer_id])).get(customer_id)
    if person is None:
        return []
    rows = await ctx.db.fetch(
        f"""SELECT {", ".join(COLUMNS)} FROM profiles_consent
            WHERE tenant_id = $1 AND subject = $2 ORDER BY seq DESC""",
        tenant,
        person.subject,
    )
    found = []
    for row in rows:
        told = locks.reveal(person, tenant, row["seq"], row["evidence"])
        known = {n: row[n] for n in ConsentEntry.__struct_fields__ if n not in ("hash", "evidence")}
        found.append(ConsentEntry(**known, hash=row["hash"].hex(), evidence=told))
    return found
