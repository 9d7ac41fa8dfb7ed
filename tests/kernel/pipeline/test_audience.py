"""Conditions become SQL that selects exactly who meets them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from kernel.contracts.errors import InvalidInput
from kernel.contracts.profiles import Audience, MailLimit, Where
from kernel.pipeline import audience
from kernel.testing.messages import add_campaign, add_messages
from kernel.testing.seed import add_customers, add_order

if TYPE_CHECKING:
    from kernel.tenancy.scope import TenantScope


async def who(ctx: TenantScope, *where: Where) -> list[int]:
    sql, args = audience.members(Audience(where=where), "welcome", ctx.tenant.id, ctx.now)
    return [row["id"] for row in await ctx.db.fetch(f"{sql} ORDER BY c.id", *args)]


async def asked(ctx: TenantScope, rule: Audience, campaign_type: str = "confirm") -> list[int]:
    sql, args = audience.members(rule, campaign_type, ctx.tenant.id, ctx.now)
    return [row["id"] for row in await ctx.db.fetch(f"{sql} ORDER BY c.id", *args)]


async def stood(
    ctx: TenantScope,
    customer: int,
    created: float,
    attempted: float | None = None,
    state: str = "accepted",
    kind: str = "confirm",
) -> None:
    """A row of the ledger, opened and handed over so many days ago."""
    [message] = await add_messages(
        ctx,
        await add_campaign(ctx, kind),
        [customer],
        state=state,
        attempted_at=None if attempted is None else ctx.now - timedelta(days=attempted),
    )
    await ctx.db.execute(
        "UPDATE pipeline_message SET created_at = $2 WHERE tenant_id = 'alpha' AND id = $1",
        message.id,
        ctx.now - timedelta(days=created),
    )


async def test_fields(alpha: TenantScope) -> None:
    old, new, none = await add_customers(alpha, 3)
    for days in (100, 50):
        await add_order(alpha, old, alpha.now - timedelta(days=days), 30)
    await add_order(alpha, new, alpha.now - timedelta(days=3), 500)
    assert await who(alpha) == [old, new, none]
    assert await who(alpha, Where(field="orders_count", op=">=", value=2)) == [old]
    assert await who(alpha, Where(field="orders_count", op="=", value=0)) == [none]
    assert await who(alpha, Where(field="total_spent", op="<", value=60.01)) == [old, none]
    assert await who(alpha, Where(field="days_since_order", op=">=", value=50)) == [old]
    assert await who(alpha, Where(field="days_since_order", op="<", value=3.5)) == [new]
    assert await who(alpha, Where(field="days_since_order", op=">", value=10, or_missing=True)) == [
        old,
        none,
    ]
    assert await who(alpha, Where(field="days_since_first_order", op=">", value=99)) == [old]
    assert await who(alpha, Where(field="days_since_created", op="<", value=1)) == []
    assert await who(alpha, Where(field="days_since_mail", op=">", value=1)) == []
    assert len(await who(alpha, Where(field="days_since_mail", value=1, or_missing=True))) == 3


async def test_traits(alpha: TenantScope) -> None:
    ids = await add_customers(alpha, 4)
    values = ["5", '"gold"', '"2026-06-14T00:00:00Z"', '"2026-06-16T00:00:00Z"']
    for customer, value, name in zip(ids, values, ["x.n", "x.s", "x.at", "x.at"], strict=True):
        await alpha.db.execute(
            """INSERT INTO profiles_trait (tenant_id, customer_id, name, value, plugin, version, at)
               VALUES ('alpha', $1, $2, $3, 'x', '1', now())""",
            customer,
            name,
            value,
        )
    assert await who(alpha, Where(trait="x.n", op=">", value=4)) == [ids[0]]
    assert await who(alpha, Where(trait="x.n", op=">", value=5)) == []
    assert await who(alpha, Where(trait="x.s", op=">", value=4)) == []  # not a number: not met
    assert await who(alpha, Where(trait="x.s", op="=", value="gold")) == [ids[1]]
    assert await who(alpha, Where(trait="x.at", op="<=", value="now")) == [ids[2]]
    hostile = "x' OR true --"
    assert await who(alpha, Where(trait=hostile, op="=", value=hostile)) == []


@pytest.mark.parametrize(
    "where",
    [Where(), Where(field="orders_count", trait="a.b"), Where(field="orders_count", value="x")],
)
def test_a_condition_that_means_nothing_is_refused(where: Where) -> None:
    from kernel.testing.clock import START

    with pytest.raises(InvalidInput):
        audience.members(Audience(where=(where,)), "welcome", "alpha", START)


async def test_the_erased_are_nobodys_audience(alpha: TenantScope) -> None:
    await add_customers(alpha, 2, erased_at=alpha.now)
    assert await who(alpha) == []


async def test_only_those_in_a_state_of_consent(alpha: TenantScope) -> None:
    by_state = {
        state: (await add_customers(alpha, email_consent=state, email=f"{state}@example.com"))[0]
        for state in ("subscribed", "unsubscribed", "pending", "never", "unknown")
    }
    plain = Audience(exclude_recent_days=0)
    assert await asked(alpha, plain) == sorted(by_state.values())
    for state, customer in by_state.items():
        assert await asked(alpha, Audience(consent=state)) == [customer]  # type: ignore[arg-type]


async def test_a_consent_within_days_is_dated_and_not_to_come(alpha: TenantScope) -> None:
    ids = {}
    for name, days in (("old", 30.0), ("last", 29.99), ("now", 0.0), ("to come", -0.01)):
        at = alpha.now - timedelta(days=days)
        [ids[name]] = await add_customers(alpha, consent_at=at, email=f"{days}@example.com")
    [undated] = await add_customers(alpha, consent_at=None, email="undated@example.com")
    assert await asked(alpha, Audience(consent_within_days=30)) == [ids["last"], ids["now"]]
    assert await asked(alpha, Audience()) == [*ids.values(), undated]


ONCE = Audience(once_a_consent=True, exclude_recent_days=0)


@pytest.mark.parametrize(
    ("created", "attempted", "state", "counts"),
    [
        (11, None, "suppressed", False),
        (11, 11, "accepted", False),
        (10, None, "suppressed", True),  # at the very moment of the consent
        (9, None, "suppressed", True),
        (9, 9, "rejected", True),
        (11, 9, "accepted", True),  # opened before, handed over after
        (11, None, "candidate", True),  # still comes
        (11, None, "planned", True),
        (11, 11, "planned", True),
        (11, None, "deferred", True),
        (11, None, "cancelled", False),
        (11, 11, "unknown", False),
    ],
)
async def test_once_a_consent(
    alpha: TenantScope, created: float, attempted: float | None, state: str, counts: bool
) -> None:
    [customer] = await add_customers(alpha, consent_at=alpha.now - timedelta(days=10))
    await stood(alpha, customer, created, attempted, state)
    assert await asked(alpha, ONCE) == ([] if counts else [customer])
    assert await asked(alpha, ONCE, "welcome") == [customer]


async def test_a_consent_without_a_date_is_older_than_any_mail(alpha: TenantScope) -> None:
    [fresh, had] = await add_customers(alpha, 2, consent_at=None)
    await stood(alpha, had, 900, 900)
    assert await asked(alpha, ONCE) == [fresh]


async def test_limits_count_mails_and_not_rows(alpha: TenantScope) -> None:
    limits = Audience(
        exclude_recent_days=0,
        limits=(MailLimit(mails=1, days=1), MailLimit(mails=3, days=30)),
    )
    [customer] = await add_customers(alpha)
    await stood(alpha, customer, 0.5, None, "suppressed")
    await stood(alpha, customer, 0.5, 0.5, "accepted", kind="welcome")
    await stood(alpha, customer, 31, 30, "accepted")
    await stood(alpha, customer, 31, 29.9, "unknown")
    await stood(alpha, customer, 5, 1, "bounced")
    assert await asked(alpha, limits) == [customer]  # two of three, none of today
    await stood(alpha, customer, 5, 1.1, "rejected")
    assert await asked(alpha, limits) == []
    assert await asked(alpha, limits, "welcome") == []
    assert await asked(alpha, limits, "winback") == [customer]


@pytest.mark.parametrize("state", ["candidate", "planned", "deferred", "attempting"])
async def test_what_still_waits_counts_as_had(alpha: TenantScope, state: str) -> None:
    rule = Audience(exclude_recent_days=0, limits=(MailLimit(mails=1, days=1),))
    [customer] = await add_customers(alpha)
    await stood(alpha, customer, 40, 40 if state == "attempting" else None, state)
    assert await asked(alpha, rule) == []


async def test_mail_that_was_asked_for_is_no_last_mail(alpha: TenantScope) -> None:
    [customer] = await add_customers(alpha)
    rule = Where(field="days_since_mail", op=">=", value=0)
    await stood(alpha, customer, 1, 1)
    assert await who(alpha, rule) == []
    await stood(alpha, customer, 1, 1, kind="winback")
    assert await who(alpha, rule) == [customer]
