"""Data folders and helper processes for tests of the embedded servers."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import psutil
import pytest

from kernel.runtime.embedded import EmbeddedServers
from kernel.runtime.places import POINTER

HOLD = textwrap.dedent(
    """
    import asyncio, sys
    from pathlib import Path
    from kernel.runtime.embedded import embedded_servers

    async def main():
        async with embedded_servers(Path(sys.argv[1])) as urls:
            print(urls.database_url, flush=True)
            await asyncio.to_thread(sys.stdin.read)

    asyncio.run(main())
    """
)


def processes_in(folder: Path) -> list[psutil.Process]:
    """Living servers whose working folder is inside `folder`."""
    found = []
    for process in psutil.process_iter():
        try:
            ours = process.name() in ("postgres", "valkey-server")
            alive = process.status() != psutil.STATUS_ZOMBIE
            if ours and alive and Path(process.cwd()).is_relative_to(folder):
                found.append(process)
        except psutil.Error:
            continue
    return found


def postmaster(data_dir: Path) -> int:
    """The process id of the running server of this folder."""
    return int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0])


@pytest.fixture
async def data_dir() -> AsyncIterator[Path]:
    """A fresh folder that the server's system user can reach; stopped and removed afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="mw-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    await clean(folder)


async def clean(folder: Path) -> None:
    """Stops whatever still runs for `folder` and removes every trace of it."""
    for process in processes_in(folder):
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    if (folder / POINTER).exists():
        private = Path((folder / POINTER).read_text().strip())
        servers = EmbeddedServers(folder)
        await servers.start()
        await servers.stop()
        shutil.rmtree(private, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def hold() -> AsyncIterator[Callable[..., "subprocess.Popen[str]"]]:
    """Starts a process that holds the servers of a folder until its standard input ends."""
    started: list[subprocess.Popen[str]] = []

    def start(
        folder: Path, python: str = sys.executable, **options: object
    ) -> "subprocess.Popen[str]":
        process = subprocess.Popen(  # type: ignore[call-overload]
            [python, "-c", HOLD, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            os.kill(process.pid, signal.SIGKILL)
        process.communicate()
