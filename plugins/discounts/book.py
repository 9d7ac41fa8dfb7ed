"""Codes nobody can guess, and the local book that keeps them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from plugins.discounts import budget

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from kernel.sdk import Code, CodeBook, Context

ALPHABET = "23456789BCDFGHJKLMNPQRSTVWXZ"
"""No 0 and O, no 1 and I, and no vowels: nothing is misread, and no word is made by accident."""
LENGTH = 13
"""28 signs to the 13th: 62 bits."""

_ISSUE = """
INSERT INTO discounts_code (tenant_id, code, offer, customer_id, message_id, campaign_id,
  campaign_type, combines, reserved, expires_at, granted_on, granted_at)
SELECT $1, c.*, $11, $12 FROM unnest($2::text[], $3::text[], $4::bigint[], $5::uuid[], $6::uuid[],
  $7::text[], $8::bool[], $9::numeric[], $10::timestamptz[]) c
ON CONFLICT (tenant_id, customer_id) WHERE state IN ('reserved', 'sent') DO NOTHING
RETURNING message_id
"""
_CLOSE = """
UPDATE discounts_code SET state = $3, reason = $4, closed_at = $5
WHERE tenant_id = $1 AND code = ANY($2::text[]) AND state IN ('reserved', 'sent')
"""


def new_code(prefix: str = "") -> str:
    """A code such as `ALDER-7KQ2MXWPD4RTG`; about 62 bits are left to chance."""
    chance = "".join(secrets.choice(ALPHABET) for _ in range(LENGTH))
    return f"{prefix}-{chance}" if prefix else chance


class LocalBook:
    """The book in our own database: whoever sells looks codes up in it, or is told by the events."""

    name = "local"

    async def issue(self, ctx: Context, codes: Sequence[Code]) -> set[UUID]:
        """All that do not belong to a customer with an open code."""
        rows = await ctx.db.fetch(
            _ISSUE,
            ctx.tenant.id,
            [one.code for one in codes],
            [one.offer for one in codes],
            [one.customer_id for one in codes],
            [one.message_id for one in codes],
            [one.campaign_id for one in codes],
            [one.campaign_type for one in codes],
            [one.combines for one in codes],
            [one.reserved for one in codes],
            [one.expires_at for one in codes],
            budget.today(ctx),
            ctx.now,
        )
        return {row["message_id"] for row in rows}

    async def withdraw(self, ctx: Context, codes: Sequence[str], state: str, reason: str) -> None:
        """Close those that are open."""
        await ctx.db.execute(_CLOSE, ctx.tenant.id, list(codes), state, reason, ctx.now)


BOOK: CodeBook = LocalBook()
