"""`mailwright fake-sendgrid`, clients that are killed, and the page that tells of them."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from kernel.plugboard.snippets import refresh
from kernel.testing.sendgrid_events import KINDS as EVENTS
from kernel.testing.sendgrid_faults import KINDS
from kernel.testing.smtp import SMTP_KINDS
from tests.kernel.testing.sending import mail

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/fake-sendgrid.md").read_text(encoding="utf-8")


@contextmanager
def served(*program: str) -> Iterator[tuple[str, str, subprocess.Popen[str]]]:
    command = [sys.executable, "-m", *program, "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        told = dict(process.stdout.readline().strip().split("=") for _ in range(2))
        try:
            yield told["SENDGRID_BASE_URL"], told["SENDGRID_API_KEY"], process
        finally:
            process.terminate()


@pytest.mark.parametrize(
    "program", [("kernel.cli.main", "fake-sendgrid"), ("kernel.testing.sendgrid",)]
)
def test_it_serves_until_it_is_told_to_stop(program: tuple[str, ...]) -> None:
    with served(*program) as (url, key, process):
        for _ in range(2):
            answer = httpx.post(
                f"{url}/v3/mail/send", json=mail(), headers={"authorization": f"Bearer {key}"}
            )
            assert answer.status_code == 202
        process.terminate()
        assert process.stdout
        last = process.stdout.read()
    assert last == "2 accepted in 2 requests, 1 messages more than once\n"
    assert process.returncode == 0


def test_it_survives_clients_that_are_killed() -> None:
    """A client that dies in the middle of a request has handed nothing over; one that dies after it has."""
    half = """
import json, os, signal, socket, sys
host, port, key, whole = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4] == "whole"
body = sys.stdin.buffer.read()
head = f"POST /v3/mail/send HTTP/1.1\\r\\nHost: x\\r\\nAuthorization: Bearer {key}\\r\\n"
head += f"Content-Length: {len(body)}\\r\\n\\r\\n"
link = socket.create_connection((host, port))
link.sendall(head.encode() + (body if whole else body[:-10]))
if whole:
    link.recv(1, socket.MSG_PEEK)
os.kill(os.getpid(), signal.SIGKILL)
"""
    with served("kernel.cli.main", "fake-sendgrid") as (url, key, _):
        address = httpx.URL(url)
        for how in ("half", "whole", "half"):
            command = [sys.executable, "-c", half, str(address.host), str(address.port), key, how]
            body = httpx.Request("POST", url, json=mail()).content
            done = subprocess.run(command, input=body, check=False)
            assert done.returncode == -9
        assert httpx.get(f"{url}/_fake/totals").json()["accepted"] == 1


def test_a_fault_that_is_none_is_told() -> None:
    command = [sys.executable, "-m", "kernel.cli.main", "fake-sendgrid", "--port", "0"]
    done = subprocess.run(
        [*command, "--fault", "fire"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2 and "no fault 'fire'" in done.stderr


def test_the_page_is_what_the_code_is() -> None:
    assert refresh(PAGE, ROOT) == PAGE, "run `make docs`"
    words = set(re.findall(r"`(\w+)`", PAGE))
    assert {*KINDS, *EVENTS, *SMTP_KINDS} <= words
