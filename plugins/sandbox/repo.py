"""The sandbox's rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypedDict
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np

from kernel.sdk import Context, Erased, Export, NotFound
from plugins.sandbox.seasons import Floats, Ints

_SECONDS = "coalesce(extract(epoch FROM {})::float8, 'NaN')"


@dataclass(frozen=True, kw_only=True)
class World:
    """The tenant's pretend shop. `lived_until`: up to when things have happened in it."""

    seed: int
    customers: int
    products: int
    country: str
    timezone: str
    began_with: int
    opened_on: date
    history_days: int
    lived_until: datetime


@dataclass(frozen=True, kw_only=True)
class State:
    """What has befallen the customers: parallel arrays, ordered by number (1, 2, 3 …).

    Times are seconds since 1970 in UTC; NaN where there is none.
    """

    customer_id: Ints
    lost: np.ndarray
    bought: np.ndarray
    last_order: Floats
    fatigue: Floats
    fatigue_at: Floats
    quiet_until: Floats
    clicked_message: list[UUID | None]
    clicked_at: Floats


class Due(TypedDict):
    """Something a customer does about a mail, whose time has come."""

    message_id: UUID
    kind: str
    number: int
    at: datetime


async def world(ctx: Context) -> World:
    """The tenant's world, locked until the end of the transaction, so that time passes once.

    Raises:
        NotFound: no shop was made for the tenant.
    """
    row = await ctx.db.fetchrow(
        "SELECT * FROM sandbox_shop WHERE tenant_id = $1 FOR UPDATE", ctx.tenant.id
    )
    if row is None:
        raise NotFound(
            f"The tenant `{ctx.tenant.id}` has no pretend shop.",
            f"Make one: `mailwright sandbox make --tenant {ctx.tenant.id}`.",
        )
    return World(**{name: row[name] for name in World.__dataclass_fields__})


async def save_world(ctx: Context, world: World) -> None:
    """Writes the shop's row, new or changed."""
    names = list(World.__dataclass_fields__)
    marks = ", ".join(f"${i + 2}" for i in range(len(names)))
    sets = ", ".join(f"{name} = EXCLUDED.{name}" for name in names)
    await ctx.db.execute(
        f"INSERT INTO sandbox_shop (tenant_id, {', '.join(names)}) VALUES ($1, {marks}) "
        f"ON CONFLICT (tenant_id, shop) DO UPDATE SET {sets}",
        ctx.tenant.id,
        *(getattr(world, name) for name in names),
    )


async def state(ctx: Context) -> State:
    """Everybody's state, one place a customer."""
    rows = await ctx.db.fetch(
        f"""SELECT customer_id, lost, bought, {_SECONDS.format("last_order_at")}, fatigue,
                   {_SECONDS.format("fatigue_at")}, {_SECONDS.format("quiet_until")},
                   clicked_message, {_SECONDS.format("clicked_at")}
            FROM sandbox_customer WHERE tenant_id = $1 ORDER BY number""",
        ctx.tenant.id,
    )
    columns = list(zip(*rows, strict=True)) if rows else [()] * 9
    return State(
        customer_id=np.array(columns[0], dtype=np.int64),
        lost=np.array(columns[1], dtype=bool),
        bought=np.array(columns[2], dtype=bool),
        last_order=np.array(columns[3], dtype=np.float64),
        fatigue=np.array(columns[4], dtype=np.float64),
        fatigue_at=np.array(columns[5], dtype=np.float64),
        quiet_until=np.array(columns[6], dtype=np.float64),
        clicked_message=list(columns[7]),
        clicked_at=np.array(columns[8], dtype=np.float64),
    )


def shop_days(at: datetime, timezone: str) -> float:
    """The time as days since 1970 on the shop's own clock."""
    local = at.astimezone(ZoneInfo(timezone)).replace(tzinfo=UTC)
    return local.timestamp() / 86400


async def add_customers(
    ctx: Context, external_ids: Sequence[str], first: int, lost: np.ndarray, bought: np.ndarray
) -> None:
    """Remembers customers that the tenant has by now, numbered from `first` in this order."""
    await ctx.db.execute(
        """INSERT INTO sandbox_customer (tenant_id, number, customer_id, lost, bought, last_order_at)
           SELECT $1, n.number, c.id, n.lost, n.bought, c.last_order_at
           FROM unnest($2::text[], $3::int[], $4::boolean[], $5::boolean[])
             AS n (external_id, number, lost, bought)
           JOIN profiles_customer c ON c.tenant_id = $1 AND c.external_id = n.external_id
           ON CONFLICT (tenant_id, number) DO NOTHING""",
        ctx.tenant.id,
        list(external_ids),
        list(range(first, first + len(external_ids))),
        lost.tolist(),
        bought.tolist(),
    )


async def ordered(ctx: Context, numbers: Ints, at: Sequence[datetime], lost: np.ndarray) -> None:
    """These customers have ordered, and some of them for the last time."""
    await ctx.db.execute(
        """UPDATE sandbox_customer c SET bought = true, lost = n.lost, last_order_at = n.at
           FROM unnest($2::int[], $3::timestamptz[], $4::boolean[]) AS n (number, at, lost)
           WHERE c.tenant_id = $1 AND c.number = n.number""",
        ctx.tenant.id,
        numbers.tolist(),
        list(at),
        lost.tolist(),
    )


async def got_mail(
    ctx: Context, message_ids: Sequence[UUID], customer_ids: Sequence[int]
) -> list[Any]:
    """Notes mails as received; returns (message_id, number) of those not noted before."""
    return await ctx.db.fetch(
        """INSERT INTO sandbox_reaction (tenant_id, message_id, kind, number, at, done)
           SELECT $1, m.id, 'got', c.number, $4, true
           FROM unnest($2::uuid[], $3::bigint[]) AS m (id, customer_id)
           JOIN sandbox_customer c ON c.tenant_id = $1 AND c.customer_id = m.customer_id
           ON CONFLICT (tenant_id, message_id, kind) DO NOTHING
           RETURNING message_id, number""",
        ctx.tenant.id,
        list(message_ids),
        list(customer_ids),
        ctx.now,
    )


async def plan_reactions(ctx: Context, rows: Sequence[tuple[UUID, str, int, datetime]]) -> None:
    """Writes what will happen: (message, kind, number, at)."""
    columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
    await ctx.db.execute(
        """INSERT INTO sandbox_reaction (tenant_id, message_id, kind, number, at)
           SELECT $1, * FROM unnest($2::uuid[], $3::text[], $4::int[], $5::timestamptz[])
           ON CONFLICT (tenant_id, message_id, kind) DO NOTHING""",
        ctx.tenant.id,
        *columns,
    )


async def tire(
    ctx: Context, numbers: Ints, fatigue: Floats, put_off: np.ndarray, quiet_until: datetime
) -> None:
    """Mail weighs on these customers, and some buy nothing until `quiet_until`."""
    await ctx.db.execute(
        """UPDATE sandbox_customer c SET fatigue = n.fatigue, fatigue_at = $4,
             quiet_until = CASE WHEN n.put_off THEN $6 ELSE c.quiet_until END
           FROM unnest($2::int[], $3::real[], $5::boolean[]) AS n (number, fatigue, put_off)
           WHERE c.tenant_id = $1 AND c.number = n.number""",
        ctx.tenant.id,
        numbers.tolist(),
        fatigue.tolist(),
        ctx.now,
        put_off.tolist(),
        quiet_until,
    )


async def take_due(ctx: Context, until: datetime) -> list[Due]:
    """Marks what falls due as done and returns it, oldest first."""
    rows = await ctx.db.fetch(
        """UPDATE sandbox_reaction SET done = true
           WHERE tenant_id = $1 AND NOT done AND at <= $2
           RETURNING message_id, kind, number, at""",
        ctx.tenant.id,
        until,
    )
    return sorted(rows, key=lambda row: (row["at"], row["number"], row["kind"]))


async def clicked(ctx: Context, rows: Sequence[Due]) -> None:
    """Remembers the last click of each customer, for the order that may follow."""
    last = {row["number"]: row for row in rows}
    await ctx.db.execute(
        """UPDATE sandbox_customer c SET clicked_message = n.message, clicked_at = n.at
           FROM unnest($2::int[], $3::uuid[], $4::timestamptz[]) AS n (number, message, at)
           WHERE c.tenant_id = $1 AND c.number = n.number""",
        ctx.tenant.id,
        list(last),
        [row["message_id"] for row in last.values()],
        [row["at"] for row in last.values()],
    )


async def count_day(ctx: Context, day: date, **counts: int) -> None:
    """Adds to what is told of the day."""
    names = list(counts)
    marks = ", ".join(f"${i + 3}" for i in range(len(names)))
    sets = ", ".join(f"{name} = d.{name} + EXCLUDED.{name}" for name in names)
    await ctx.db.execute(
        f"INSERT INTO sandbox_day AS d (tenant_id, day, {', '.join(names)}) VALUES ($1, $2, {marks}) "
        f"ON CONFLICT (tenant_id, day) DO UPDATE SET {sets}",
        ctx.tenant.id,
        day,
        *counts.values(),
    )


async def days(ctx: Context, count: int = 30) -> list[dict[str, Any]]:
    """The last days that were lived, newest first."""
    rows = await ctx.db.fetch(
        """SELECT day, orders, caused, joined, clicks, left_list FROM sandbox_day
           WHERE tenant_id = $1 ORDER BY day DESC LIMIT $2""",
        ctx.tenant.id,
        count,
    )
    return [dict(row) for row in rows]


async def export(ctx: Context, customer_id: int) -> Export:
    """What befell one customer in the sandbox."""
    rows = await ctx.db.fetch(
        """SELECT number, lost, bought, fatigue FROM sandbox_customer
           WHERE tenant_id = $1 AND customer_id = $2""",
        ctx.tenant.id,
        customer_id,
    )
    return Export(rows={"sandbox_customer": [dict(row) for row in rows]} if rows else {})


async def erase(ctx: Context, customer_id: int) -> Erased:
    """Ends the customer's life in the sandbox; the number stays, so that the others keep theirs."""
    tag = await ctx.db.execute(
        """UPDATE sandbox_customer SET customer_id = -number, lost = true, clicked_message = NULL,
             clicked_at = NULL, last_order_at = NULL
           WHERE tenant_id = $1 AND customer_id = $2""",
        ctx.tenant.id,
        customer_id,
    )
    return Erased(rows=int(tag.rsplit(" ", 1)[-1]))
