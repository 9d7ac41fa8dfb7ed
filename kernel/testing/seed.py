"""Rows for tests: tenants, customers, orders. Small and plain; the sandbox makes whole shops."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from kernel.contracts.tenancy import Sender, Tenant

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from kernel.contracts.context import Context
    from kernel.tenancy.core import Core

SENDER = {"name": "Alder & Oak", "email": "hello@alder.example.com"}


def a_tenant(**fields: Any) -> Tenant:
    """A tenant that stands in no database, in the time zone of Berlin; `fields` of it replaced."""
    plain: dict[str, Any] = {
        "id": "alpha",
        "reseller_id": "northwind",
        "name": "Alpha",
        "timezone": "Europe/Berlin",
        "currency": "EUR",
        "country": "DE",
        "sender": Sender(name="Alpha", email="hello@alpha.example.com"),
        "postal_address": "Hauptstr. 1, 10115 Berlin, Germany",
    }
    return Tenant(**plain | fields)


async def add_tenant(core: Core, tenant_id: str, plugins: Iterable[str] = ()) -> None:
    """A tenant in the time zone of Berlin, with these plugins enabled at their default settings."""
    async with core.system_scope("test tenant") as unit:
        await unit.execute(
            "INSERT INTO tenancy_reseller (reseller_id, name) VALUES ('northwind', 'Northwind') "
            "ON CONFLICT DO NOTHING"
        )
        await unit.execute(
            """INSERT INTO tenancy_tenant (tenant_id, reseller_id, name, timezone, currency, country,
                 sender, postal_address, brand, holdout_percent)
               VALUES ($1, 'northwind', $2, 'Europe/Berlin', 'EUR', 'DE', $3,
                 'Alder & Oak, Hauptstr. 1, 10115 Berlin, Germany', '{}', 0)""",
            tenant_id,
            tenant_id.title(),
            msgspec.json.encode(SENDER).decode(),
        )
        await unit.execute(
            "INSERT INTO tenancy_plugin (tenant_id, plugin) SELECT $1, unnest($2::text[])",
            tenant_id,
            list(plugins),
        )


async def add_customers(ctx: Context, count: int = 1, **fields: Any) -> list[int]:
    """Ids of new customers: subscribed with evidence, e-mail at example.com, no orders.

    Args:
        ctx: the tenant.
        count: how many.
        fields: columns of profiles_customer that differ from that, equal for all.
    """
    first = await ctx.db.fetchval(
        "SELECT count(*) + 1 FROM profiles_customer WHERE tenant_id = $1", ctx.tenant.id
    )
    values: dict[str, Any] = {
        "first_name": "Ada",
        "last_name": "Byron",
        "country": "DE",
        "timezone": "Europe/Berlin",
        "email_consent": "subscribed",
        "consent_at": ctx.now - timedelta(days=400),
        "consent_source": "checkout",
        "created_at": ctx.now - timedelta(days=400),
        **fields,
    }
    names = ", ".join(values)
    marks = ", ".join(f"${i}" for i in range(4, 4 + len(values)))
    email = "" if "email" in fields else ", email"
    address = "" if "email" in fields else ", 'customer' || n || '@example.com'"
    rows = await ctx.db.fetch(
        f"INSERT INTO profiles_customer (tenant_id, external_id{email}, {names}) "
        f"SELECT $1, 'c' || n{address}, {marks} FROM generate_series($2::int, $3::int) n RETURNING id",
        ctx.tenant.id,
        first,
        first + count - 1,
        *values.values(),
    )
    return [row["id"] for row in rows]


async def add_order(
    ctx: Context, customer_id: int, ordered_at: datetime, amount: float = 50.0
) -> int:
    """The id of a new one-line order; the customer's totals follow."""
    order_id: int = await ctx.db.fetchval(
        """INSERT INTO profiles_order (tenant_id, external_id, customer_id, ordered_at, amount, currency)
           SELECT $1, 'o' || (SELECT count(*) + 1 FROM profiles_order WHERE tenant_id = $1),
             $2, $3, $4::numeric, $5 RETURNING id""",
        ctx.tenant.id,
        customer_id,
        ordered_at,
        str(amount),
        ctx.tenant.currency,
    )
    await ctx.db.execute(
        """INSERT INTO profiles_order_line (tenant_id, order_id, line_no, sku, title, quantity,
             unit_price) VALUES ($1, $2, 1, 'SKU-1', 'Oak bowl', 1, $3::numeric)""",
        ctx.tenant.id,
        order_id,
        str(amount),
    )
    await ctx.db.execute(
        """UPDATE profiles_customer c SET orders_count = s.n, total_spent = s.spent,
             first_order_at = s.first, last_order_at = s.last
           FROM (SELECT count(*) n, sum(amount) spent, min(ordered_at) first, max(ordered_at) last
                 FROM profiles_order WHERE tenant_id = $1 AND customer_id = $2) s
           WHERE c.tenant_id = $1 AND c.id = $2""",
        ctx.tenant.id,
        customer_id,
    )
    return order_id
