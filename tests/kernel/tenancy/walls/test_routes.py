"""All routes, as somebody else's merchant with alpha's ids: 404, and not a word of alpha's."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from itertools import product
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from kernel.contracts.base import new_id
from kernel.tenancy.core import Core
from kernel.tenancy.links import sign
from kernel.web import auth
from kernel.web.app import create_app

SECRET = "quokkaspoon"
ALPHA = "0199a1fa-0000-7000-8000-000000990001"
NUMBER = "990001"
WORDS = (ALPHA, f"{ALPHA}.eml", NUMBER)
QUERIES = (
    "",
    "?q=quokka&search=quokka&after=WyJxdW9ra2EiXQ&page=2",
    f"?campaign_id={ALPHA}&message_id={ALPHA}&customer_id={NUMBER}&id={ALPHA}",
)


class Visitor:
    """A browser that is signed in to one tenant."""

    def __init__(self, core: Core, app: Litestar, tenant: str) -> None:
        claims = {"tenant": tenant, "actor": "visitor", "id": new_id().hex}
        cookie = auth.session_cookie(core, claims)
        session = auth.Session(**claims, expires=core.clock.now())
        self.csrf = auth.csrf_token(core, session)
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=core.links.base_url,
            cookies={cookie.key: cookie.value or ""},
        )

    async def send(self, method: str, path: str, **form: str) -> httpx.Response:
        if method == "GET":
            return await self.http.get(path)
        return await self.http.request(method, path, data={"_csrf": self.csrf, **form})


@pytest.fixture
def app(core: Core) -> Litestar:
    return create_app(core)


@pytest_asyncio.fixture(params=["bravo", "charlie"])
async def stranger(
    request: pytest.FixtureRequest, core: Core, app: Litestar, walls: Any
) -> AsyncIterator[Visitor]:
    """bravo has no plugin on but the mandatory ones, charlie every one."""
    visitor = Visitor(core, app, request.param)
    yield visitor
    await visitor.http.aclose()


async def tokens(core: Core) -> list[str]:
    """Links that alpha gave out, by any purpose a plugin might sign for."""
    purposes = ("unsubscribe", "u", "r", "link", "compliance", "compliance/unsubscribe")
    async with core.tenant_scope("alpha") as ctx:
        values = (
            b"990001",
            (990_001).to_bytes(8, "big"),
            bytes.fromhex(ALPHA.replace("-", "")),
        )
        return [sign(ctx, purpose, value) for purpose in purposes for value in values]


def addresses(
    app: Litestar, method: str, tenant: str, signed: list[str]
) -> Iterator[tuple[str, bool]]:
    """Yields every address of the app for `method`, with alpha's ids in it, and whether it has any."""
    for route in app.routes:
        if method not in (getattr(route, "methods", None) or ()):
            continue
        options: list[tuple[str, ...]] = []
        for part in route.path_components:
            if isinstance(part, str):
                options.append((part,))
            elif part.name == "tenant_id":
                options.append((tenant,))
            elif part.name == "token":
                options.append(tuple(signed))
            else:
                options.append({UUID: (ALPHA,), int: (NUMBER,)}.get(part.type, WORDS))
        with_ids = any(
            not isinstance(p, str) and p.name != "tenant_id" for p in route.path_components
        )
        for parts in product(*options):
            yield "/" + "/".join(parts), with_ids


async def test_every_page_hides_alpha(
    core: Core, app: Litestar, stranger: Visitor, walls: Any
) -> None:
    before = {name: await walls.rows(name) for name in ("bravo", "charlie")}
    looked = 0
    for path, with_ids in addresses(app, "GET", "charlie", await tokens(core)):
        for query in QUERIES:
            response = await stranger.send("GET", path + query)
            assert SECRET not in response.text, f"{path}{query} shows alpha's data"
            assert response.status_code < 500, f"{path}{query}: {response.status_code}"
            if with_ids and "static" not in path:
                assert response.status_code in {400, 403, 404}, f"{path}: {response.status_code}"
            looked += response.status_code == 200
    assert looked > 10
    # GET never changes state, whoever asks for what.
    assert {name: await walls.rows(name) for name in ("bravo", "charlie")} == before


async def test_every_form_leaves_alpha_alone(
    core: Core, app: Litestar, stranger: Visitor, walls: Any
) -> None:
    form = {"reason": "because", "to": "on", "customer_id": NUMBER, "customer": NUMBER}
    form |= {"id": NUMBER, "ids": NUMBER, "message_id": ALPHA, "subject": "x"}
    form |= {"event_id": NUMBER, "subscription": SECRET, "body": "x", "key": SECRET}
    tried = 0
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for path, with_ids in addresses(app, method, "charlie", await tokens(core)):
            if path.endswith("/sign-out"):
                continue
            response = await stranger.send(method, path, **form)
            assert response.status_code < 500, f"{method} {path}: {response.status_code}"
            if with_ids:
                assert response.status_code in {303, 400, 403, 404, 405, 422}, path
            tried += 1
    assert tried > 5
    await _forget(core)
    # The fixture `walls` now looks whether one byte of alpha's rows has changed.


async def test_alpha_sees_what_the_others_must_not(core: Core, app: Litestar, walls: Any) -> None:
    """The walk above means something only if the word is there to be found."""
    alpha = Visitor(core, app, "alpha")
    response = await alpha.send("GET", "/app/customers?q=quokka")
    assert response.status_code == 200 and SECRET in response.text
    await alpha.http.aclose()


async def _forget(core: Core) -> None:
    """Takes away what bravo may rightly have done to itself, which the fixture `core` forbids."""
    async with core.system_scope("test") as unit:
        for row in await unit.fetch(
            "SELECT table_name AS name FROM information_schema.columns c JOIN pg_tables t "
            "ON t.tablename = c.table_name WHERE column_name = 'tenant_id' "
            "AND table_schema = 'public' AND table_name NOT LIKE 'tenancy%'"
        ):
            try:
                async with unit.conn.transaction():
                    await unit.execute(f"DELETE FROM {row['name']} WHERE tenant_id = 'bravo'")
            except Exception:  # append-only: then bravo must not have a row there at all
                continue
