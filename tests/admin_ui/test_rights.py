"""A customer's rights in the admin, and the trail of who did what."""

from __future__ import annotations

import json

from kernel.profiles import requests
from kernel.tenancy.core import Core
from kernel.testing.seed import add_customers
from tests.admin_ui.browser import Browser


async def test_from_the_customer_s_page_to_the_receipt(
    core: Core, client: Browser, bravo: Browser
) -> None:
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx)
    assert "Nobody waits for an answer" in await client.see("/app/rights")
    page = await client.see(f"/app/customers/{one}")
    assert "Asks to be forgotten" in page
    page = await client.submit(f"/app/customers/{one}/rights", kind="export")
    assert "It must be answered by 15 July 2026" in page
    assert 'class="count"' not in page  # the menu counts campaigns, and none waits
    await client.submit(f"/app/customers/{one}/rights", kind="erase")
    async with core.tenant_scope("alpha") as ctx:
        copy, erase = sorted(await requests.open_ones(ctx), key=lambda found: found.id)

    found = await client.post(f"/app/rights/{copy.id}/copy", data={"_csrf": client.csrf})
    assert found.headers["content-disposition"].endswith('.json"')
    assert json.loads(found.content)["kernel"]["profiles_customer"][0]["email"].startswith(
        "customer"
    )

    page = await client.submit(f"/app/rights/{erase.id}/erase")
    assert "Tick the box first" in page
    page = await client.submit(f"/app/rights/{erase.id}/erase", sure="yes")
    assert "Forgotten." in page
    receipt = await client.get(f"/app/rights/{erase.id}/receipt")
    assert json.loads(receipt.content)["customer"] == one
    assert "no email address" in await client.see(f"/app/customers/{one}")

    # Another shop neither sees nor does any of it.
    assert "Nobody waits" in await bravo.see("/app/rights")
    await bravo.see(f"/app/rights/{erase.id}/receipt", status=404)
    await bravo.submit(f"/app/rights/{copy.id}/copy", status=404)
    await bravo.submit(f"/app/customers/{one}/rights", status=404, kind="erase")


async def test_whatever_a_person_posts_is_on_the_trail(core: Core, client: Browser) -> None:
    assert "No line yet" not in await client.see("/app/audit")  # signing in is a line already
    async with core.tenant_scope("alpha") as ctx:
        [one] = await add_customers(ctx)
    await client.see("/app/customers")
    await client.submit(f"/app/customers/{one}/rights", kind="export")
    await client.submit(f"/app/customers/{one}/rights", status=400, kind="to be king")
    page = await client.see("/app/audit?by=Mia")
    assert page.count(f"/app/customers/{one}/rights") == 1  # what was refused changed nothing
    assert "No line yet" in await client.see("/app/audit?by=nobody")
