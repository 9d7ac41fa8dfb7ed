"""Double opt-in, from the sign-up to the subscription, through the real pipeline and application."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import httpx
import pytest

from kernel.contracts.events import ConsentChanged
from kernel.pipeline import run
from kernel.profiles.consent import set_consent
from kernel.profiles.consent_history import consent_history
from kernel.testing.seed import add_customers
from plugins.compliance import confirm
from plugins.compliance.manifest import ComplianceSettings

if TYPE_CHECKING:
    from kernel.tenancy.core import Core
    from kernel.testing.clock import TurnedClock


async def sign_up(core: Core, tenant: str = "alpha", **fields: object) -> int:
    async with core.tenant_scope(tenant) as ctx:
        values = {
            "email": "ada@example.com",
            "email_consent": "pending",
            "consent_at": ctx.now - timedelta(minutes=2),
            "consent_source": "footer form",
            "locale": "de-DE",
            **fields,
        }
        [customer] = await add_customers(ctx, **values)
    return customer


async def go(core: Core) -> list[tuple[str, str]]:
    """Propose and send what there is; what `mails` tells then."""
    await run.propose_due(core, "alpha")
    for _ in range(2):  # the approval wakes the job once more
        while await run.advance(core, "alpha"):
            pass
    return await mails(core)


async def mails(core: Core) -> list[tuple[str, str]]:
    """Subject and link of each confirmation in the outbox."""
    async with core.tenant_scope("alpha") as ctx:
        rows = await ctx.db.fetch("SELECT subject, text FROM outbox_mail ORDER BY message_id")
    found = [(row["subject"], re.search(r"https?://\S+/d/\S+", row["text"])) for row in rows]
    return [(subject, link[0]) for subject, link in found if link]


async def state(core: Core, customer: int) -> str:
    async with core.tenant_scope("alpha") as ctx:
        return str(
            await ctx.db.fetchval(
                "SELECT email_consent FROM profiles_customer WHERE id = $1", customer
            )
        )


async def test_from_the_sign_up_to_the_subscription(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    customer = await sign_up(core)
    [(subject, link)] = await go(core)
    assert subject == "Bitte bestätigen Sie Ihre Anmeldung"
    async with core.tenant_scope("alpha") as ctx:
        row = await ctx.db.fetchrow(
            "SELECT key, approved_by FROM pipeline_campaign WHERE campaign_type = 'confirm'"
        )
    assert row["approved_by"] == "kernel" and row["key"].count(":") == 2

    shown = await web.get(link)
    assert shown.status_code == 200 and "Anmeldung bestätigen?" in shown.text
    assert await state(core, customer) == "pending"

    for _ in range(2):  # twice is fine
        done = await web.post(link)
        assert done.status_code == 200 and "Sie sind angemeldet" in done.text
    assert await state(core, customer) == "subscribed"
    async with core.tenant_scope("alpha") as ctx:
        entries = [one for one in await consent_history(ctx, customer) if one.kind == "granted"]
    assert [(one.basis, one.source, one.wording) for one in entries] == [
        ("double_opt_in", confirm.SOURCE, confirm.WORDING)
    ]
    clock.turn(minutes=20)
    assert len(await go(core)) == 1


async def test_an_old_sign_up_is_not_asked(core: Core) -> None:
    async with core.tenant_scope("alpha") as ctx:
        old = ctx.now - timedelta(days=31)
    await sign_up(core, consent_at=old)
    assert await go(core) == []


async def test_expired_forged_and_foreign_links_change_nothing(
    core: Core, web: httpx.AsyncClient, clock: TurnedClock
) -> None:
    customer = await sign_up(core)
    [(_, link)] = await go(core)
    for wrong in (link[:-4] + "AAAA", link.replace("/alpha/", "/bravo/"), link + "x"):
        assert (await web.post(wrong)).status_code == 404
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE profiles_customer SET email = 'eve@example.com'")
    assert (await web.post(link)).status_code == 404
    async with core.tenant_scope("alpha") as ctx:
        await ctx.db.execute("UPDATE profiles_customer SET email = 'ada@example.com'")
    clock.turn(days=31)
    assert (await web.get(link)).status_code == (await web.post(link)).status_code == 404
    assert await state(core, customer) == "pending"


async def test_who_unsubscribed_meanwhile_stays_so(core: Core, web: httpx.AsyncClient) -> None:
    customer = await sign_up(core)
    [(_, link)] = await go(core)
    async with core.tenant_scope("alpha") as ctx:
        await set_consent(ctx, customer, "unsubscribed", "page", ctx.now)
    assert "Sie sind nicht angemeldet" in (await web.post(link)).text
    assert await state(core, customer) == "unsubscribed"


@dataclass
class Told:
    """A context with settings of its own."""

    ctx: object
    rules: ComplianceSettings

    def __getattr__(self, name: str) -> object:
        return getattr(self.ctx, name)

    def settings(self, _: object) -> ComplianceSettings:
        return self.rules


@pytest.mark.parametrize(
    ("country", "source", "start", "after"),
    [
        ("DE", "footer form", -1, "pending"),
        ("DE", "footer form", None, "subscribed"),
        ("DE", "footer form", 2, "subscribed"),
        ("FR", "footer form", -1, "subscribed"),
        ("DE", "shopify: CONFIRMED_OPT_IN", -1, "subscribed"),
        ("DE", confirm.SOURCE, -1, "subscribed"),
    ],
)
async def test_new_subscriptions_are_held_until_confirmed(
    core: Core, country: str, source: str, start: int | None, after: str
) -> None:
    customer = await sign_up(
        core, country=country, email_consent="subscribed", consent_source=source
    )
    async with core.tenant_scope("alpha") as ctx:
        first = "" if start is None else f"{ctx.now + timedelta(days=start):%Y-%m-%d}"
        told = Told(ctx, ComplianceSettings(double_opt_in_from=first))
        event = ConsentChanged(
            customer_id=customer,
            state="subscribed",
            source=source,
            occurred_at=ctx.now - timedelta(minutes=2),
        )
        await confirm.hold(told, [event])  # type: ignore[arg-type]
    assert await state(core, customer) == after
