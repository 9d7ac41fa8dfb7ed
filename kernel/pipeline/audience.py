"""Who could be written to now: an Audience compiled to one statement that opens the ledger."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID

from kernel.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from datetime import datetime

    from kernel.contracts.context import Context
    from kernel.contracts.profiles import Audience, Where

MIRROR = {"<": ">", "<=": ">=", "=": "=", ">=": "<=", ">": "<"}
WAITS = "m.state IN ('candidate', 'planned', 'deferred', 'attempting')"
"""What may still go out."""
NUMBERS = {"orders_count": "c.orders_count", "total_spent": "c.total_spent"}
MOMENTS = {
    "days_since_order": "c.last_order_at",
    "days_since_first_order": "c.first_order_at",
    "days_since_created": "c.created_at",
    "days_since_mail": """(SELECT max(m.attempted_at) FROM pipeline_message m JOIN pipeline_campaign k
        ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
        WHERE m.tenant_id = c.tenant_id AND m.customer_id = c.id AND NOT k.urgent
        AND m.state IN ('attempting', 'accepted', 'delivered', 'unknown'))""",
}


class Compiler:
    """Turns conditions into SQL over `profiles_customer c`, values always as parameters."""

    def __init__(self, now: datetime, args: list[Any]) -> None:
        self.now = now
        self.args = args

    def param(self, value: Any) -> str:
        """The placeholder of a value."""
        self.args.append(value)
        return f"${len(self.args)}"

    def moment(self, days: float) -> str:
        """The time so many days ago."""
        return f"{self.param(self.now - timedelta(days=days))}::timestamptz"

    def stood(self, campaign_type: str) -> str:
        """The customer's rows `m` of the ledger for a campaign type; conditions may follow."""
        return f"""SELECT FROM pipeline_message m JOIN pipeline_campaign k
          ON k.tenant_id = m.tenant_id AND k.id = m.campaign_id
          WHERE m.tenant_id = c.tenant_id AND m.customer_id = c.id
          AND k.campaign_type = {self.param(campaign_type)}::text"""

    def condition(self, where: Where) -> str:
        """One condition as an SQL expression that is never NULL."""
        if (where.field is None) == (where.trait is None):
            raise InvalidInput(
                "A condition names a field or a trait.", "Set exactly one of `field` and `trait`."
            )
        sql = self._trait(where) if where.trait else self._field(where)
        return f"coalesce({sql}, {'true' if where.or_missing else 'false'})"

    def _field(self, where: Where) -> str:
        field = where.field or ""
        if isinstance(where.value, str):
            raise InvalidInput(
                f"The field {field} is a number, not {where.value!r}.",
                "Give a number in the condition's `value`.",
            )
        if field in NUMBERS:
            return f"{NUMBERS[field]} {where.op} {self.param(str(where.value))}::text::numeric"
        # Days compare the other way round than moments: older is more days.
        return f"{MOMENTS[field]} {MIRROR[where.op]} {self.moment(where.value)}"

    def _trait(self, where: Where) -> str:
        if where.value == "now":
            test = (
                f"(t.value #>> '{{}}')::timestamptz {where.op} {self.param(self.now)}::timestamptz"
            )
        elif isinstance(where.value, str):
            test = f"t.value #>> '{{}}' {where.op} {self.param(where.value)}::text"
        else:
            number = self.param(str(where.value))
            test = (
                "CASE jsonb_typeof(t.value) WHEN 'number' THEN "
                f"(t.value #>> '{{}}')::numeric {where.op} {number}::text::numeric END"
            )
        return (
            f"(SELECT {test} FROM profiles_trait t WHERE t.tenant_id = c.tenant_id "
            f"AND t.customer_id = c.id AND t.name = {self.param(where.trait)}::text)"
        )


def members(
    audience: Audience, campaign_type: str, tenant: str, now: datetime
) -> tuple[str, list[Any]]:
    """The query for the ids of an audience's customers, and its arguments (tenant first)."""
    compiler = Compiler(now, [tenant])
    tests = [compiler.condition(where) for where in audience.where]
    today = f"{compiler.param(now)}::timestamptz"
    if audience.exclude_recent_days > 0:
        since = compiler.moment(audience.exclude_recent_days)
        tests.append(f"NOT EXISTS ({compiler.stood(campaign_type)} AND m.created_at > {since})")
    if audience.consent is not None:
        tests.append(f"c.email_consent = {compiler.param(audience.consent)}::text")
    if audience.consent_within_days > 0:
        said = compiler.moment(audience.consent_within_days)
        tests.append(f"coalesce(c.consent_at > {said} AND c.consent_at <= {today}, false)")
    if audience.once_a_consent:
        tests.append(
            f"""NOT EXISTS ({compiler.stood(campaign_type)} AND ({WAITS}
              OR greatest(m.created_at, m.attempted_at) >= coalesce(c.consent_at, '-infinity')))"""
        )
    for limit in audience.limits:
        had = f"{WAITS} OR m.attempted_at > {compiler.moment(limit.days)}"
        most = compiler.param(limit.mails)
        tests.append(
            f"(SELECT count(*) FROM ({compiler.stood(campaign_type)} AND ({had})) h) < {most}"
        )
    known = f"c.created_at <= {today}"
    where = " AND ".join(["c.tenant_id = $1", "c.erased_at IS NULL", known, *tests])
    return f"SELECT c.id FROM profiles_customer c WHERE {where}", compiler.args


async def count(ctx: Context, audience: Audience, campaign_type: str) -> int:
    """How many customers the audience has now."""
    sql, args = members(audience, campaign_type, ctx.tenant.id, ctx.now)
    found: int = await ctx.db.fetchval(f"SELECT count(*) FROM ({sql}) a", *args)
    return found


async def freeze(ctx: Context, campaign_id: UUID, campaign_type: str, audience: Audience) -> int:
    """Open the ledger: one row, state `candidate`, for each customer of the audience.

    One statement, so that memory does not grow with the audience. Returns how many.
    """
    sql, args = members(audience, campaign_type, ctx.tenant.id, ctx.now)
    campaign, at = f"${len(args) + 1}", f"${len(args) + 2}"
    tag = await ctx.db.execute(
        "INSERT INTO pipeline_message (tenant_id, campaign_id, customer_id, id, created_at) "
        f"SELECT $1, {campaign}::uuid, a.id, gen_random_uuid(), {at}::timestamptz "
        f"FROM ({sql}) a ORDER BY a.id",
        *args,
        campaign_id,
        ctx.now,
    )
    return int(tag.rpartition(" ")[2])
