"""Who is in which segment now, and was a month ago: counted and listed from the traits."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from kernel.sdk import Frozen, InvalidInput
from plugins.rfm.model import BEFORE, CELL, SEGMENT
from plugins.rfm.movement import NEW

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.sdk import Context

_FROM = """
FROM profiles_trait s
JOIN profiles_customer c ON c.tenant_id = $1 AND c.id = s.customer_id
LEFT JOIN profiles_trait p ON p.tenant_id = $1 AND p.name = $3 AND p.customer_id = s.customer_id
LEFT JOIN profiles_trait b ON b.tenant_id = $1 AND b.name = $4 AND b.customer_id = s.customer_id
WHERE s.tenant_id = $1 AND s.name = $2
"""
# A cell is "5-4-3"; as text in JSON its digits stand at 2, 4 and 6.
_GROUPS = f"""
SELECT s.value #>> '{{}}' AS segment, b.value #>> '{{}}' AS before, count(*) AS customers,
  sum(c.total_spent)::float8 AS money, sum(c.orders_count)::float8 AS orders,
  sum(greatest(extract(epoch FROM $5::timestamptz - c.last_order_at), 0))::float8 / 86400 AS days,
  sum(substr(p.value::text, 2, 1)::int)::float8 AS r,
  sum(substr(p.value::text, 4, 1)::int)::float8 AS f,
  sum(substr(p.value::text, 6, 1)::int)::float8 AS m
{_FROM} GROUP BY 1, 2
"""
_MEMBERS = f"""
SELECT c.id, c.first_name, c.last_name, c.email, c.orders_count, c.total_spent, c.last_order_at,
  s.value #>> '{{}}' AS segment, b.value #>> '{{}}' AS before, p.value #>> '{{}}' AS cell
{_FROM} AND ($5::text IS NULL OR s.value = to_jsonb($5::text))
  AND ($6::text IS NULL OR b.value = to_jsonb($6::text))
  AND (NOT $7::boolean OR b.value <> to_jsonb($8::text))
  AND (c.total_spent, c.id) < ($9::numeric, $10::bigint)
ORDER BY c.total_spent DESC, c.id DESC LIMIT $11
"""
_MOST = (Decimal("1e30"), 2**63 - 1)


class Group(Frozen):
    """The customers of one segment who were in the same one a month ago (None: in this one); sums."""

    segment: str
    before: str | None
    customers: int
    money: float
    orders: float
    days: float
    """Since the last order."""
    r: float | None
    f: float | None
    m: float | None


class Member(Frozen):
    """A customer in a segment."""

    id: int
    first_name: str
    last_name: str
    email: str | None
    orders_count: int
    total_spent: Decimal
    last_order_at: datetime | None
    segment: str
    before: str | None
    cell: str | None

    @property
    def name(self) -> str:
        """What to call them."""
        return f"{self.first_name} {self.last_name}".strip() or self.email or f"Customer {self.id}"


async def groups(ctx: Context) -> list[Group]:
    """Everyone who has a segment, counted."""
    rows = await ctx.db.fetch(_GROUPS, ctx.tenant.id, SEGMENT, CELL, BEFORE, ctx.now)
    return [Group(**row) for row in rows]


async def members(
    ctx: Context,
    segment: str | None = None,
    before: str | None = None,
    *,
    moved: bool = False,
    after: str = "",
    limit: int = 25,
) -> tuple[list[Member], str]:
    """Customers, who spent the most first; and `after` of the next page, empty at the end.

    Args:
        ctx: the tenant.
        segment: they are in now; None for any.
        before: they were in a month ago, if it was another; None for any.
        moved: only who was in another segment a month ago.
        after: as the page before gave it.
        limit: how many.

    Raises:
        InvalidInput: there is no page `after`.
    """
    money, last = _cursor(after)
    rows: list[Any] = await ctx.db.fetch(
        _MEMBERS, ctx.tenant.id, SEGMENT, CELL, BEFORE, segment, before, moved, NEW, money, last, limit + 1
    )  # fmt: skip
    found = [Member(**row) for row in rows[:limit]]
    return found, f"{found[-1].total_spent}|{found[-1].id}" if len(rows) > limit else ""


def _cursor(after: str) -> tuple[Decimal, int]:
    if not after:
        return _MOST
    money, _, last = after.partition("|")
    try:
        found = Decimal(money), int(last)
    except (InvalidOperation, ValueError):
        found = Decimal("NaN"), 0
    if not found[0].is_finite() or abs(found[1]) >= 2**63 or len(money) > 30:
        raise InvalidInput("This page does not exist.", "Begin again at the first.")
    return found
