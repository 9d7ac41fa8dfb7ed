"""Mails a second that the channel `smtp` hands over, to a real SMTP server in a process of its own.

Method: batches of 500 welcome mails, rendered beforehand, through the channel's `send`: MIME, signature
(RSA 2048), four connections, receipts; without encryption, which the server's side would pay for too.
Once signed and once not. Baseline of the same run, right after each: aiosmtplib alone, handing the very
bytes to the same server over as many connections; it makes and signs nothing. The server must have
counted everybody.
Arguments: how many mails (default 2,000).
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import aiosmtplib
from aiosmtpd.smtp import SMTP as Server
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from bench.support import bench_core, peak_mb, run, table
from kernel.testing.messages import add_campaign, add_messages, rendered
from kernel.testing.seed import add_customers
from plugins.smtp.account import account
from plugins.smtp.channel import SMTP
from plugins.smtp.mime import build

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from kernel.contracts.delivery import Outgoing
    from kernel.tenancy.core import Core

BATCH = 500
CONNECTIONS = 4


async def main() -> None:
    """Print the table."""
    if sys.argv[1:] == ["fake"]:
        await serve()
        return
    size = int(sys.argv[1]) if sys.argv[1:] else 2_000
    print(__doc__)
    rows = []
    with fake_process() as (port, counted):
        os.environ["SMTP_HOST"] = f"127.0.0.1:{port}"
        os.environ["SMTP_DKIM_KEY_BENCH"] = _key()
        async with bench_core(("rules", "welcome", "smtp")) as core:
            batches = await mails(core, size)
            for selector in ("", "mw1"):
                rows.append(await measure(core, batches, selector))
        sent = 2 * 2 * size
        if (found := counted()) != sent:
            raise SystemExit(f"the server counted {found} of {sent}")
    table(("mails", "signed", "a second", "bare/s", "of bare", "mail KB", "peak MB"), rows)


async def mails(core: Core, size: int) -> list[list[Outgoing]]:
    """Batches of rendered messages, being attempted."""
    async with core.tenant_scope("bench") as ctx:
        ids = await add_customers(ctx, size)
        batch = await rendered(ctx, await add_messages(ctx, await add_campaign(ctx), ids))
    return [batch[at : at + BATCH] for at in range(0, size, BATCH)]


async def measure(
    core: Core, batches: Sequence[Sequence[Outgoing]], selector: str
) -> tuple[str, ...]:
    """All batches one after another, and then the same bytes by the library alone."""
    key = os.environ["SMTP_DKIM_KEY_BENCH"]
    if not selector:
        del os.environ["SMTP_DKIM_KEY_BENCH"]
    async with core.tenant_scope("bench") as ctx:
        await ctx.db.execute(
            "UPDATE tenancy_plugin SET settings = jsonb_build_object('encryption', 'none', "
            "'connections', $1::int, 'dkim_selector', $2::text) WHERE plugin = 'smtp'",
            CONNECTIONS,
            selector,
        )
    ctx = await core.detached("bench")
    begun = time.perf_counter()
    for batch in batches:
        receipts = await SMTP.send(ctx, batch)
        assert {one.state for one in receipts} == {"accepted"}, receipts[0]
    rate = sum(map(len, batches)) / (time.perf_counter() - begun)
    who = account(ctx)
    every = [message for batch in batches for message in batch]
    made = [build(who, ctx.tenant, message, ctx.now) for message in every[:100]]
    bare = await baseline(who.port, who.sender, [str(m.recipient.email) for m in every], made)
    os.environ["SMTP_DKIM_KEY_BENCH"] = key
    return (
        f"{len(every):,}",
        "yes" if selector else "no",
        f"{rate:,.0f}",
        f"{bare:,.0f}",
        f"{rate / bare:.0%}",
        f"{sum(map(len, made)) / len(made) / 1000:.1f}",
        f"{peak_mb():.0f}",
    )


async def baseline(port: int, sender: str, emails: list[str], made: list[bytes]) -> float:
    """Mails a second of the library alone."""
    left = iter(enumerate(emails))

    async def work() -> None:
        async with aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False) as client:
            for number, email in left:
                await client.sendmail(sender, email, made[number % len(made)])

    begun = time.perf_counter()
    await asyncio.gather(*(work() for _ in range(CONNECTIONS)))
    return len(emails) / (time.perf_counter() - begun)


def _key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


class _Counting:
    count = 0

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.count += 1
        return "250 2.0.0 OK"


async def serve() -> None:
    """The server: says its port, and how many mails it took for each line it is sent."""
    handler = _Counting()
    server = await asyncio.get_running_loop().create_server(lambda: Server(handler), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    while await asyncio.to_thread(sys.stdin.readline):
        print(handler.count, flush=True)


@contextmanager
def fake_process() -> Iterator[tuple[int, Any]]:
    """A server's port, and a function that asks it how many mails it took."""
    with subprocess.Popen(
        [sys.executable, "-m", "bench.smtp", "fake"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin and process.stdout
        given, heard = process.stdin, process.stdout

        def counted() -> int:
            given.write("\n")
            given.flush()
            return int(heard.readline())

        try:
            yield int(heard.readline()), counted
        finally:
            given.close()


if __name__ == "__main__":
    run(main)
