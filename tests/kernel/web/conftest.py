"""The application with the plugin `probe`, on for alpha and off for bravo."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.tenancy.core import Core
from kernel.web.app import create_app
from kernel.web.auth import sign_in_link
from tests.kernel.web import probe


class Client(httpx.AsyncClient):
    """A browser without redirects, so that each answer can be looked at."""

    core: Core
    csrf = ""

    async def page(self, path: str) -> httpx.Response:
        return await self.get(path, headers={"Accept": "text/html"})

    async def sign_in(self, tenant: str = "alpha") -> httpx.Response:
        token = sign_in_link(self.core, tenant, "Mia").partition("token=")[2]
        answer = await self.post("/sign-in", data={"token": token})
        if tenant == "alpha":
            page = await self.page("/app/x/probe/page")
            self.csrf = page.text.partition('name="_csrf" value="')[2].partition('"')[0]
        return answer


@pytest.fixture(scope="session")
def probe_board(board: Plugboard) -> Plugboard:
    installed = [name for name in board.plugins if name != "probe"]
    return build_plugboard(sorted(board.mandatory), extra=[("probe", probe)], only=installed)


@pytest_asyncio.fixture
async def site(core: Core, probe_board: Plugboard) -> Core:
    async with core.system_scope("test") as unit:
        await unit.execute(
            "INSERT INTO tenancy_plugin (tenant_id, plugin) VALUES ('alpha', 'probe')"
        )
    return replace(core, board=probe_board)


@pytest.fixture
def app(site: Core) -> Litestar:
    return create_app(site)


@pytest_asyncio.fixture
async def nobody(app: Litestar, site: Core) -> AsyncIterator[Client]:
    """Not signed in."""
    transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
    async with Client(transport=transport, base_url=site.links.base_url) as client:
        client.core = site
        yield client


@pytest_asyncio.fixture
async def mia(nobody: Client) -> Client:
    """Signed in to alpha."""
    answer = await nobody.sign_in()
    assert answer.status_code == 303
    return nobody
