"""Reading profiles: one customer, pages of them, and what happened to them."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from kernel.contracts.base import Frozen
from kernel.contracts.errors import InvalidInput, NotFound
from kernel.contracts.profiles import ConsentState, Customer
from kernel.profiles.tables import ProfilesImport, ProfilesOrderLine, ProfilesTrait
from kernel.tenancy.repository import TenantRepository

if TYPE_CHECKING:
    from collections.abc import Sequence

    from kernel.contracts.context import Context

_COLUMNS = ", ".join(f"c.{name}" for name in Customer.__struct_fields__)
_BIGINT = 2**63

# ~>=~ and ~<~ compare bytes, as the prefix indexes do whatever the database's language is.
_PREFIX = "({0} ~>=~ {1} AND {0} ~<~ ({1} || chr(1114111)))"


class CustomerPage(Frozen):
    """Some customers, newest first, and `next`, to be passed as `after`; None at the end."""

    customers: tuple[Customer, ...]
    next: int | None = None


class TimelineItem(Frozen):
    """Something that happened to a customer."""

    at: datetime
    kind: Literal["order", "return", "message", "outcome", "event"]
    ref: str
    """The id of the order, message or event."""
    title: str
    detail: dict[str, Any]


class Timeline(Frozen):
    """A page of what happened, newest first, and `next`, to be passed as `before`; empty at the end."""

    items: tuple[TimelineItem, ...]
    next: str = ""


class OrderLine(Frozen):
    """One line of an order; the price is in the order's currency."""

    line_no: int
    sku: str
    title: str
    quantity: int
    unit_price: Decimal
    is_product: bool


class TraitLine(Frozen):
    """A trait with where it comes from and since when it is so."""

    name: str
    value: Any
    plugin: str
    version: str
    at: datetime


class ImportLine(Frozen):
    """A file that was read in, with the counts of its report."""

    kind: str
    file_name: str
    started_at: datetime
    actor: str
    report: dict[str, Any]


async def customer(ctx: Context, customer_id: int) -> Customer:
    """The profile.

    Raises:
        NotFound: there is none of this id for the tenant.
    """
    row = None
    if 0 < customer_id < _BIGINT:
        row = await ctx.db.fetchrow(
            f"SELECT {_COLUMNS} FROM profiles_customer c WHERE c.tenant_id = $1 AND c.id = $2",
            ctx.tenant.id,
            customer_id,
        )
    if row is None:
        raise NotFound(
            f"There is no customer {customer_id}.", "Search for a name or an e-mail address."
        )
    return _customer(row)


async def names(ctx: Context, customer_ids: Sequence[int]) -> dict[int, str]:
    """What these customers are called: by name, else by address; those with neither are left out."""
    rows = await ctx.db.fetch(
        """SELECT id, coalesce(nullif(trim(first_name || ' ' || last_name), ''), email, '') AS name
           FROM profiles_customer WHERE tenant_id = $1 AND id = ANY($2::bigint[])""",
        ctx.tenant.id,
        list(customer_ids),
    )
    return {row["id"]: row["name"] for row in rows if row["name"]}


async def find_customer(ctx: Context, text: str) -> int:
    """The id of the customer whose id, external id or e-mail address this is, tried in that order.

    Raises:
        NotFound: nobody has it.
    """
    text = text.strip()
    number = int(text) if text.isascii() and text.isdigit() and int(text) < _BIGINT else None
    found: int | None = await ctx.db.fetchval(
        """SELECT id FROM (
             SELECT 1 AS rank, id FROM profiles_customer WHERE tenant_id = $1 AND id = $2
             UNION ALL SELECT 2, id FROM profiles_customer
               WHERE tenant_id = $1 AND external_id = $3 AND external_id <> ''
             UNION ALL SELECT 3, customer_id FROM profiles_customer_alias
               WHERE tenant_id = $1 AND external_id = $3
             UNION ALL SELECT 4, id FROM profiles_customer WHERE tenant_id = $1 AND email = lower($3)
           ) found ORDER BY rank LIMIT 1""",
        ctx.tenant.id,
        number,
        text,
    )
    if found is None:
        raise NotFound(
            f"There is no customer `{text}`.",
            "Give an id, the shop's own id or an e-mail address; the admin searches names.",
        )
    return found


async def customers_page(
    ctx: Context,
    search: str = "",
    after: int | None = None,
    limit: int = 50,
    consent: ConsentState | None = None,
) -> CustomerPage:
    """Customers, newest first.

    Args:
        ctx: the tenant.
        search: the beginning of an e-mail address, of the first or last name (or of both, in either
            order), or the whole of the shop's own id.
        after: `next` of the page before.
        limit: how many, at most 200.
        consent: only those whose consent is this.
    """
    args: list[Any] = [ctx.tenant.id, after if after is not None else _BIGINT - 1]
    where = ["c.tenant_id = $1", "c.id < $2"]
    if consent is not None:
        args.append(consent)
        where.append(f"c.email_consent = ${len(args)}")
    if words := search.lower().split():
        args += [search.strip(), " ".join(words), words[0], " ".join(words[1:])]
        where.append(_matches(len(args) - 3, several=len(words) > 1))
    limit = max(1, min(limit, 200))
    rows = await ctx.db.fetch(
        f"SELECT {_COLUMNS} FROM profiles_customer c WHERE {' AND '.join(where)} "
        f"ORDER BY c.id DESC LIMIT {limit + 1}",
        *args,
    )
    found = tuple(_customer(row) for row in rows[:limit])
    return CustomerPage(customers=found, next=found[-1].id if len(rows) > limit else None)


def _matches(first: int, *, several: bool) -> str:
    """The condition; parameters from `first`: as typed, all words, the first word, the others."""
    typed, whole, one, rest = (f"${first + i}::text" for i in range(4))
    names = ("c.email", "c.last_key", "c.first_key")
    ways = [_PREFIX.format(name, whole) for name in names]
    ways.append(f"(c.external_id = {typed} AND c.external_id <> '')")
    if several:
        for a, b in (names[1:], names[:0:-1]):
            ways.append(f"({_PREFIX.format(a, one)} AND {_PREFIX.format(b, rest)})")
    else:
        ways.append(f"({one} = {rest})")  # never true: gives both parameters a use
    return f"({' OR '.join(ways)})"


# Each source brings at most one page from its own index; `key` tells apart what happened at once.
_TIMELINE = """
SELECT * FROM (
  (SELECT ordered_at AS at, kind, id::text AS ref, external_id AS title,
     json_build_object('amount', amount::text, 'currency', currency, 'status', status,
                       'is_test', is_test)::text AS detail, kind || ':' || id AS key
   FROM profiles_order WHERE tenant_id = $1 AND customer_id = $2
     AND (ordered_at, kind || ':' || id) < ($3, $4) ORDER BY ordered_at DESC, kind || ':' || id DESC LIMIT $5)
  UNION ALL
  (SELECT coalesce(m.attempted_at, m.created_at), 'message', m.id::text, c.title,
     json_build_object('state', m.state, 'reason', m.reason, 'campaign_id', c.id,
                       'campaign_type', c.campaign_type)::text, 'message:' || m.id
   FROM pipeline_message m JOIN pipeline_campaign c ON c.tenant_id = $1 AND c.id = m.campaign_id
   WHERE m.tenant_id = $1 AND m.customer_id = $2
     AND (coalesce(m.attempted_at, m.created_at), 'message:' || m.id) < ($3, $4)
   ORDER BY 1 DESC, 6 DESC LIMIT $5)
  UNION ALL
  (SELECT at, 'outcome', message_id::text, kind, detail::text, 'outcome:' || message_id || kind
   FROM pipeline_outcome WHERE tenant_id = $1 AND customer_id = $2
     AND (at, 'outcome:' || message_id || kind) < ($3, $4) ORDER BY 1 DESC, 6 DESC LIMIT $5)
  UNION ALL
  (SELECT occurred_at, 'event', id::text, type, payload::text, 'event:' || id
   FROM events_event WHERE tenant_id = $1 AND customer_id = $2 AND type <> 'order.placed'
     AND (occurred_at, 'event:' || id) < ($3, $4) ORDER BY 1 DESC, 6 DESC LIMIT $5)
) t ORDER BY at DESC, key DESC LIMIT $5
"""


async def timeline(ctx: Context, customer_id: int, before: str = "", limit: int = 50) -> Timeline:
    """A customer's orders, messages, outcomes and events in one list, newest first.

    Args:
        ctx: the tenant.
        customer_id: whose.
        before: `next` of the page before.
        limit: how many, at most 200.
    """
    at, key = datetime.max.replace(tzinfo=ctx.now.tzinfo), ""
    if before:
        moment, _, key = before.partition("|")
        try:
            at = datetime.fromisoformat(moment)
        except ValueError:
            at = at.replace(tzinfo=None)
        if at.tzinfo is None or not key:
            raise InvalidInput("This page does not exist.", "Begin again at the newest.")
    limit = max(1, min(limit, 200))
    rows = await ctx.db.fetch(_TIMELINE, ctx.tenant.id, customer_id, at, key, limit + 1)
    items = tuple(
        TimelineItem(
            at=row["at"],
            kind=row["kind"],
            ref=row["ref"],
            title=row["title"],
            detail=msgspec.json.decode(row["detail"]),
        )
        for row in rows[:limit]
    )
    last = rows[limit - 1] if len(rows) > limit else None
    return Timeline(items=items, next=f"{last['at'].isoformat()}|{last['key']}" if last else "")


async def order_lines(ctx: Context, order_id: int) -> list[OrderLine]:
    """The lines of an order, in their order; none for an order that is not the tenant's."""
    rows = await TenantRepository(ProfilesOrderLine, ctx).select(
        ProfilesOrderLine.order_id == order_id, order_by=(ProfilesOrderLine.line_no,), limit=10_000
    )
    return [OrderLine(**{n: row[n] for n in OrderLine.__struct_fields__}) for row in rows]


async def traits(ctx: Context, customer_id: int) -> list[TraitLine]:
    """A customer's traits by name, with their sources."""
    rows = await TenantRepository(ProfilesTrait, ctx).select(
        ProfilesTrait.customer_id == customer_id, order_by=(ProfilesTrait.name,)
    )
    return [TraitLine(**{n: row[n] for n in TraitLine.__struct_fields__}) for row in rows]


async def imports(ctx: Context, limit: int = 20) -> list[ImportLine]:
    """The files that were read in, the last one first."""
    rows = await TenantRepository(ProfilesImport, ctx).select(
        order_by=(ProfilesImport.started_at,), descending=True, limit=limit
    )
    return [ImportLine(**{n: row[n] for n in ImportLine.__struct_fields__}) for row in rows]


def _customer(row: Any) -> Customer:
    values = {name: row[name] for name in Customer.__struct_fields__}
    return Customer(**values | {"tags": tuple(row["tags"])})
