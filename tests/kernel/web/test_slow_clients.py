"""Who posts slowly, or never ends, holds no connection to the database: others are answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio

from kernel.db.uow import Pool
from kernel.tenancy.core import Core
from kernel.web import walls
from kernel.web.auth import sign_in_link
from tests.chromium import served
from tests.kernel.web.conftest import Client

CONNECTIONS = 2
SLOW = 3 * CONNECTIONS
HOOK = "/t/alpha/probe/hook"
FORM = "Content-Type: application/x-www-form-urlencoded\r\n"


@pytest_asyncio.fixture
async def small(site: Core, tmp_path: Path) -> AsyncIterator[Core]:
    """Served for real, with a pool of two connections."""
    pool = await Pool(site.pool.url, CONNECTIONS).open()
    async with served(replace(site, pool=pool), tmp_path) as core:
        yield core
    await pool.close()


class Slow:
    """A client that has begun to post: it announced 100 bytes and sent 10."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def begin(cls, core: Core, path: str, more: str = "") -> Slow:
        url = urlsplit(core.links.base_url)
        one = cls(*await asyncio.open_connection(url.hostname, url.port))
        head = f"POST {path} HTTP/1.1\r\nHost: {url.netloc}\r\nContent-Length: 100\r\n{more}\r\n"
        await one.send(head.encode() + b"x" * 10)
        return one

    async def send(self, some: bytes) -> None:
        self._writer.write(some)
        await self._writer.drain()

    async def answer(self) -> str:
        async with asyncio.timeout(10):
            head = (await self._reader.readuntil(b"\r\n\r\n")).decode().lower()
            length = head.partition("content-length: ")[2].partition("\r")[0]
            return head + (await self._reader.readexactly(int(length))).decode()

    def leave(self) -> None:
        self._writer.close()


@asynccontextmanager
async def many(core: Core, path: str, more: str = "") -> AsyncIterator[list[Slow]]:
    """More slow clients than there are connections, all of them waited for by the server."""
    clients = [await Slow.begin(core, path, more) for _ in range(SLOW)]
    await asyncio.sleep(0.3)
    yield clients
    for one in clients:
        one.leave()


async def test_slow_posts_hold_no_connection(small: Core) -> None:
    async with (
        many(small, HOOK) as slow,
        httpx.AsyncClient(base_url=small.links.base_url, timeout=5) as quick,
    ):
        for _ in range(SLOW):
            assert (await quick.get("/t/alpha/probe/hello")).text == "hello from alpha to visitor"
        posted = await quick.post(HOOK, content=b"x" * 50)
        assert posted.text == "50 bytes for alpha"
        await slow[0].send(b"x" * 90)
        assert (await slow[0].answer()).endswith("100 bytes for alpha")


async def test_nor_do_those_of_who_is_signed_in(small: Core) -> None:
    async with httpx.AsyncClient(base_url=small.links.base_url, timeout=5) as mia:
        token = sign_in_link(small, "alpha", "Mia").partition("token=")[2]
        await mia.post("/sign-in", data={"token": token})
        cookie = "; ".join(f"{name}={value}" for name, value in mia.cookies.items())
        async with many(small, "/app/x/probe/rename", f"{FORM}Cookie: {cookie}\r\n"):
            assert (await mia.get("/app/x/probe/who")).text == "Mia of alpha"


async def test_what_never_ends_is_given_up(small: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walls, "BODY_DEADLINE", 0.5)
    async with many(small, HOOK) as slow:
        for one in slow:
            answer = await one.answer()
            assert answer.startswith("http/1.1 408") and "did not come to its end" in answer


async def test_who_goes_away_changes_nothing_and_is_no_fault_of_ours(
    small: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[object] = []
    monkeypatch.setattr(small.board, "report", said.append)
    async with many(small, "/t/alpha/probe/rename"):
        pass
    await asyncio.sleep(0.3)
    async with small.tenant_scope("alpha") as ctx:
        assert not said and ctx.tenant.postal_address != "renamed"


async def test_files_in_a_form_arrive_whole(nobody: Client) -> None:
    """Such forms are parsed from the stream, which was read before."""
    file = {"file": ("a.csv", b"x" * 70_000, "text/csv")}
    assert (await nobody.post("/t/alpha/probe/upload", files=file)).text == "a.csv: 70000 bytes"
