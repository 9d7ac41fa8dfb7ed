"""`mailwright up`: everything in one process tree, ready soon, stopped in order, nothing left behind."""

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(180)]


class Up:
    """One running `mailwright up` on a folder and a port of its own."""

    def __init__(self, folder: Path) -> None:
        with socket.socket() as trial:
            trial.bind(("127.0.0.1", 0))
            self.port = trial.getsockname()[1]
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / "up.log"

    def start(self) -> float:
        """Returns the seconds until it was ready."""
        clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
        env = clean | {
            "MAILWRIGHT_DATA_DIR": str(self.folder / "data"),
            "MAILWRIGHT_PORT": str(self.port),
        }
        began = time.monotonic()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "kernel.cli.main", "up"], stdout=log, stderr=log, env=env
            )
        while not self.ready():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() - began < 60, self.log.read_text()
            time.sleep(0.1)
        return time.monotonic() - began

    def ready(self) -> bool:
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/readyz").status_code == 200
        except httpx.HTTPError:
            return False

    def told(self, words: str) -> None:
        """Waits until it has said these words."""
        until = time.monotonic() + 60
        while words not in self.log.read_text():
            assert time.monotonic() < until, self.log.read_text()
            time.sleep(0.1)

    def tree(self) -> list[psutil.Process]:
        """`up`, its children and the servers."""
        assert self.process is not None
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True), *self.servers()]

    def servers(self) -> list[psutil.Process]:
        found = []
        for process in psutil.process_iter():
            try:
                inside = Path(process.cwd()).is_relative_to(self.folder)
                if inside and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
            except psutil.Error:
                continue
        return found


@pytest.fixture
def up() -> Iterator[Up]:
    folder = Path(tempfile.mkdtemp(prefix="mw-up-", dir="/tmp"))
    folder.chmod(0o755)
    running = Up(folder)
    yield running
    if running.process is not None and running.process.poll() is None:
        running.process.kill()
        running.process.wait()
    for process in running.servers():
        process.kill()


def alive(processes: list[psutil.Process]) -> list[psutil.Process]:
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]


def test_first_start_orderly_stop_and_a_second_start(up: Up) -> None:
    up.start()
    up.told("/app/")
    tree = up.tree()
    assert {"postgres", "valkey-server"} <= {process.name() for process in tree}
    assert up.process is not None
    up.process.send_signal(signal.SIGINT)
    assert up.process.wait(60) == 0
    assert "Everything is kept" in up.log.read_text()
    assert alive(tree) == []

    up.start()
    memory = sum(process.memory_full_info().pss for process in up.tree())
    assert memory < 500_000_000
    up.process.terminate()
    assert up.process.wait(60) == 0


def test_killed_servers_and_children_come_back_and_a_killed_up_leaves_no_children(up: Up) -> None:
    up.start()
    assert up.process is not None
    for process in up.servers():
        process.kill()
    worker = next(p for p in up.tree() if "worker" in p.cmdline())
    worker.kill()
    until = time.monotonic() + 60
    while not (up.ready() and any("worker" in p.cmdline() for p in up.tree()[1:])):
        assert time.monotonic() < until, up.log.read_text()
        time.sleep(0.2)

    # Servers that were started a moment ago may still be below it; they are nobody's children.
    servers = up.servers()
    below = psutil.Process(up.process.pid).children(recursive=True)
    children = [process for process in below if process not in servers]
    assert children
    up.process.kill()
    up.process.wait()
    _, left = psutil.wait_procs(children, timeout=60)
    assert alive(left) == []
    assert up.servers(), "the servers wait for the next start"
    up.start()
    up.process.terminate()
    assert up.process.wait(60) == 0
    assert up.servers() == []
