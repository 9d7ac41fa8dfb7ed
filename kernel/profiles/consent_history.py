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
    tenant, keys = ctx.tenant.id, chain.secrets(ctx)
    rows = await ctx.db.fetch(
        f"""SELECT k.subject, k.wrapped, k.key_id, {", ".join(f"e.{n}" for n in COLUMNS)}
            FROM profiles_person_key k
            JOIN profiles_consent e ON e.tenant_id = $1 AND e.subject = k.subject
              AND substr(e.mac, 1, {chain.KEY_ID_BYTES}) = k.key_id
            WHERE k.tenant_id = $1 AND k.customer_id = $2 ORDER BY e.seq DESC""",
        tenant,
        customer_id,
    )
    found = []
    for row in rows:
        evidence, seq = None, row["seq"]
        if row["key_id"] == keys.key_id and row["evidence"]:
            key = locks.unwrap(keys, tenant, row["subject"], row["wrapped"])
            evidence = key and locks.reveal(key, tenant, row["subject"], seq, row["evidence"])
        known = {n: row[n] for n in ConsentEntry.__struct_fields__ if n not in ("hash", "evidence")}
        found.append(ConsentEntry(**known, hash=row["hash"].hex(), evidence=evidence or None))
    return found
