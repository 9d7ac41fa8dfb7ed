"""After an erasure no row of any table holds the person, and no other shop ever saw them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from kernel.pipeline import approvals, run
from kernel.profiles import requests
from kernel.profiles.consent import set_consent
from kernel.testing.seed import add_customers, add_order
from tests.admin_ui.browser import browser, sign_in
from tests.plugins.sendgrid.posting import event, folded, post, set_key

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

MARKS = ("quagga.person", "Quaggafirst", "Quaggalast")
"""Found nowhere else: the address, both names. Searched for as text and as the bytes of it."""


async def tables_with(core: Core, marks: tuple[str, ...]) -> dict[str, str]:
    """Table -> the first row in which one of the marks stands, whatever the column's type."""
    found = {}
    wanted = [f"%{form}%" for mark in marks for form in (mark, mark.lower(), mark.encode().hex())]
    async with core.pool.unit_of_work(role=None) as unit:
        names = await unit.fetch(
            """SELECT c.relname AS name FROM pg_class c WHERE c.relkind IN ('r', 'p')
               AND c.relnamespace = 'public'::regnamespace ORDER BY 1"""
        )
        for row in names:
            name = row["name"]
            hit = await unit.fetchval(
                f"SELECT t::text FROM {name} t WHERE t::text ILIKE ANY($1::text[]) LIMIT 1", wanted
            )
            if hit is not None:
                found[name] = hit
    return found


async def lived(core: Core) -> int:
    """A customer who went through everything: bought, was written to, answered by the provider."""
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(
            ctx,
            email="Quagga.Person@zoo.example",
            first_name="Quaggafirst",
            last_name="Quaggalast",
            created_at=ctx.now,
        )
        await add_order(ctx, one, ctx.now)
        await set_consent(ctx, one, "subscribed", "checkout", ctx.now)
    campaigns = await run.propose_due(core, "alpha")
    while await run.advance(core, "alpha"):
        pass
    async with core.tenant_scope("alpha") as ctx:
        for campaign in campaigns:
            await approvals.approve(ctx, campaign)
    while await run.advance(core, "alpha"):
        pass
    await set_key(core)
    told = [
        event(kind, f"e-{kind}", email="quagga.person@zoo.example", ip="192.0.2.7")
        for kind in ("delivered", "open", "spamreport")
    ]
    assert (await post(core, told)).status_code == 204
    await folded(core)
    return one


@pytest.mark.timeout(300)
async def test_an_erased_person_is_nowhere(core: Core) -> None:
    one = await lived(core)
    before = await tables_with(core, MARKS)
    assert {"profiles_customer", "outbox_mail", "sendgrid_event"} <= before.keys()
    async with core.tenant_scope("alpha") as ctx:
        asked = await requests.ask(ctx, one, "erase")
        assert (await requests.erase(ctx, asked.id)).receipt["failed"] == []
    assert await tables_with(core, MARKS) == {}


async def test_no_page_of_another_shop_shows_them(core: Core) -> None:
    one = await lived(core)
    async with browser(core) as client:
        await sign_in(client, core, "bravo")
        for path in ("/app/", "/app/customers", "/app/campaigns",
                     "/app/decisions", "/app/rights", "/app/audit", "/app/reconciliation"):  # fmt: skip
            assert "uagga" not in await client.see(path), path
        for path in (f"/app/customers/{one}", *await _own_pages(core)):
            await client.see(path, status=404)


async def _own_pages(core: Core) -> list[str]:
    async with core.tenant_scope("alpha") as ctx:
        campaigns = await ctx.db.fetch("SELECT id FROM pipeline_campaign")
        mails = await ctx.db.fetch("SELECT id FROM pipeline_message")
    return [f"/app/campaigns/{row['id']}" for row in campaigns] + [
        f"/app/messages/{row['id']}" for row in mails
    ]
