"""Fixtures for tests of the kernel and of anybody's plugins: real servers, two tenants, no mocks.

`alpha` has every installed plugin enabled, `bravo` none; after each test that used `core`, bravo must
own no row in any table but the tenancy's own.
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import pytest_asyncio

from kernel.testing import database
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_tenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from kernel.db.uow import Pool
    from kernel.plugboard.board import Plugboard
    from kernel.runtime.embedded import ServerUrls
    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.testing.claude import FakeClaude
    from kernel.testing.sendgrid import FakeSendGrid

SECRET = "a-secret-for-tests-only-0123456789abcdef"


def pytest_configure() -> None:
    """No test asks the real Claude, whatever key this machine has."""
    for name in [name for name in os.environ if name.startswith("ANTHROPIC_")]:
        del os.environ[name]


@pytest.fixture(scope="session")
def servers(pytestconfig: pytest.Config) -> Iterator[ServerUrls]:
    """A real PostgreSQL and Valkey, shared by all test processes of this checkout."""
    from kernel.runtime.embedded import EmbeddedServers

    folder = os.environ.get("MAILWRIGHT_TEST_DIR", str(pytestconfig.rootpath / ".mailwright/tests"))
    embedded = EmbeddedServers(Path(folder))
    urls = asyncio.run(embedded.start())
    yield urls
    asyncio.run(embedded.stop())


@pytest.fixture(scope="session")
def board() -> Plugboard:
    """The plugboard with every installed plugin."""
    from kernel.plugboard.board import build_plugboard

    return build_plugboard()


@pytest.fixture(scope="session")
def database_url(servers: ServerUrls, board: Plugboard) -> Iterator[str]:
    """A migrated database of this test process."""
    with database.own(servers.database_url, board) as url:
        yield url


@pytest.fixture
def redis_url(servers: ServerUrls) -> str:
    """The Valkey server, on a logical database of this test process."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw14")
    base, question, query = servers.redis_url.partition("?")
    number = int(worker.removeprefix("gw")) % 15 + 1
    if base.startswith("unix"):
        return f"{base}?{query}&db={number}" if question else f"{base}?db={number}"
    return f"{base.rstrip('/').rsplit('/', 1)[0] if base.count('/') > 2 else base}/{number}"


@pytest.fixture
def clock() -> TurnedClock:
    """The clock of `core`: stands at 2026-06-15 10:00 UTC until the test turns it."""
    return TurnedClock()


@pytest_asyncio.fixture(scope="session")
async def pools() -> AsyncIterator[dict[str, Pool]]:
    """Open pools by the URL of the database: to connect for each test takes longer than most tests."""
    opened: dict[str, Pool] = {}
    yield opened
    for pool in opened.values():
        await pool.close()


@pytest_asyncio.fixture
async def core(
    database_url: str, board: Plugboard, clock: TurnedClock, pools: dict[str, Pool]
) -> AsyncIterator[Core]:
    """A Core with the tenants alpha and bravo; the database is emptied afterwards."""
    from kernel.db.uow import Pool
    from kernel.tenancy.core import Core, Links

    if database_url not in pools:
        pools[database_url] = await Pool(database_url, size=8).open()
    pool = pools[database_url]
    core = Core(
        pool=pool,
        board=board,
        links=Links(base_url="http://mail.test", secret=SECRET),
        clock=clock,
    )
    mandatory = board.enabled({})
    try:
        await add_tenant(core, "alpha", sorted(set(board.plugins) - mandatory))
        await add_tenant(core, "bravo")
        yield core
    finally:
        seen = await database.empty(pool, "bravo")
    assert not seen, f"bravo, who did nothing, has rows in {', '.join(seen)}"


@pytest_asyncio.fixture
async def alpha(core: Core) -> AsyncIterator[TenantScope]:
    """An open scope of the tenant alpha, committed at the end of the test."""
    async with core.tenant_scope("alpha", actor="tester") as ctx:
        yield ctx


@pytest_asyncio.fixture
async def fake_claude() -> AsyncIterator[FakeClaude]:
    """A fake Claude that listens: `fake_claude.base_url` and `.api_key` (docs/fake-claude.md)."""
    from kernel.testing.claude import FakeClaude

    async with FakeClaude() as fake:
        yield fake


@pytest_asyncio.fixture
async def fake_sendgrid() -> AsyncIterator[FakeSendGrid]:
    """A fake SendGrid that listens: `fake_sendgrid.url` and `.api_key` (docs/fake-sendgrid.md)."""
    from kernel.testing.sendgrid import FakeSendGrid

    async with FakeSendGrid() as fake:
        yield fake
