"""`mailwright up` on existing data: seconds until it is ready, and memory when idle.

Method: one start to make the data, then three more, each timed from the command to the first 200 of /readyz and left
alone for ten seconds; memory is the proportional set size of the whole process tree (what is shared counts
once). Baseline, in the same run: the same program started to print its version, which loads Python and the command
line and nothing else.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import psutil

from bench.support import table

READY, IDLE = 5.0, 500.0
"""Seconds and MB that were promised."""
REST = 10.0


def start(folder: Path, port: int) -> tuple[subprocess.Popen[bytes], float]:
    """The running program, and the seconds until it was ready."""
    clean = {k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL")}
    env = {**clean, "MAILWRIGHT_DATA_DIR": str(folder / "data"), "MAILWRIGHT_PORT": str(port)}
    begun = time.perf_counter()
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "kernel.cli.main", "up"], stdout=log, stderr=log, env=env
        )
    while True:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == 200:
                return process, time.perf_counter() - begun
        except httpx.HTTPError:
            pass
        if process.poll() is not None:
            raise SystemExit((folder / "log").read_text())
        time.sleep(0.02)


def memory(process: subprocess.Popen[bytes], folder: Path) -> float:
    """MB of the program, its children, and the servers, which stand apart."""
    top = psutil.Process(process.pid)
    ours = {top.pid, *(child.pid for child in top.children(recursive=True))}
    for other in psutil.process_iter():
        try:
            if Path(other.cwd()).is_relative_to(folder):
                ours.add(other.pid)
        except psutil.Error:
            continue
    return sum(psutil.Process(pid).memory_full_info().pss for pid in ours) / 1e6


def main() -> int:
    """Prints the table; 1 where a promise is missed."""
    folder = Path(tempfile.mkdtemp(prefix="mailwright-bench-", dir="/tmp"))
    folder.chmod(0o755)
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port = trial.getsockname()[1]
    found = []
    try:
        for _ in range(4):
            process, ready = start(folder, port)
            try:
                time.sleep(REST)
                found.append((ready, memory(process, folder)))
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    begun = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "kernel.cli.main", "--version"],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    plain = time.perf_counter() - begun
    names = ("first, empty data", "second", "third", "fourth")
    rows = [[n, f"{ready:.2f}", f"{mb:.0f}"] for n, (ready, mb) in zip(names, found, strict=True)]
    table(("start", "ready, s", "idle, MB"), [*rows, ["baseline: --version", f"{plain:.2f}", ""]])
    load = os.getloadavg()[0]
    usual, most = sorted(ready for ready, _ in found[1:])[1], max(mb for _, mb in found)
    print(f"load {load:.1f}; promised: {READY:g} s on existing data, {IDLE:g} MB idle")
    return int(usual > READY or most > IDLE)


if __name__ == "__main__":
    sys.exit(main())
