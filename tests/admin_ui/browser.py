"""A browser for tests, and a shop worth looking at."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import httpx

from kernel.contracts.context import Context
from kernel.tenancy.core import Core
from kernel.testing.seed import add_customers, add_order
from kernel.web.app import create_app
from kernel.web.auth import sign_in_link

HTML = {"Accept": "text/html"}
HOSTILE = '<script>alert("x")</script>'


class Browser(httpx.AsyncClient):
    """Follows redirects, keeps cookies, and fills in the CSRF field of the page it last saw."""

    app: Any
    csrf = ""

    async def see(self, path: str, status: int = 200) -> str:
        """The HTML at `path`."""
        answer = await self.get(path, headers=HTML)
        assert answer.status_code == status, f"{path}: {answer.status_code}\n{answer.text[:3000]}"
        if found := re.search(r'name="_csrf" value="(\w+)"', answer.text):
            self.csrf = found[1]
        return answer.text

    async def submit(self, path: str, status: int = 200, **form: object) -> str:
        """The HTML after a form was sent to `path` with the CSRF field filled in."""
        answer = await self.post(path, data={"_csrf": self.csrf, **form}, headers=HTML)
        assert answer.status_code == status, f"{path}: {answer.status_code}\n{answer.text[:3000]}"
        return answer.text


def browser(core: Core) -> Browser:
    """Nobody's browser, on the application itself."""
    app = create_app(core)
    made = Browser(
        transport=httpx.ASGITransport(app=app),  # type: ignore[arg-type]
        base_url=core.links.base_url,
        follow_redirects=True,
    )
    made.app = app
    return made


async def sign_in(client: Browser, core: Core, tenant: str) -> None:
    link = sign_in_link(core, tenant, "Mia")
    token = link.partition("token=")[2]
    answer = await client.post("/sign-in", data={"token": token}, headers=HTML)
    assert answer.status_code == 200, answer.text
    await client.see("/app/")


async def customers(ctx: Context, count: int = 12) -> list[int]:
    """Customers that are long overdue, one of them with a hostile name, one without consent."""
    ids = await add_customers(ctx, count)
    for number, customer_id in enumerate(ids):
        for months in (14, 12, 10, 9):
            at = ctx.now - timedelta(days=30 * months + number % 3)
            await add_order(ctx, customer_id, at, 40 + number)
    await ctx.db.execute(
        "UPDATE profiles_customer SET first_name = $3, last_name = $4 "
        "WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        ids[0],
        HOSTILE,
        HOSTILE,
    )
    await ctx.db.execute(
        "UPDATE profiles_customer SET email_consent = 'unsubscribed' "
        "WHERE tenant_id = $1 AND id = $2",
        ctx.tenant.id,
        ids[-1],
    )
    return ids
