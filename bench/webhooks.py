"""SendGrid's events: how many are taken in a second, how long a post waits, and how fast they are folded.

Method: 40,000 messages that SendGrid was given, and what it tells of them: processed and delivered for
each, some deferred and bounced, about 500 bytes an event, signed. Two thirds of the events come in
posts of 1 to 40, the rest in posts of 768 KB, shuffled, on 8 connections to a real web server in a
process of its own, on a real PostgreSQL with durable commits. First as fast as it goes; then folded,
alone; then again at a steady 5,000 events a second, posted when they are due whether or not the last
ones were answered, with the fold beside it: the latencies are from due to answered.
Baselines of the same run: the same posts to a bare route of the same server that reads them and answers;
and the same rows by COPY into a table without an index.
"""

from __future__ import annotations

import asyncio
import base64
import random
import sys
import time
from collections.abc import Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from litestar import Litestar, Request, Response, post

from bench.support import bench_core, run, table
from kernel.contracts.base import new_id
from kernel.db.uow import Pool
from kernel.plugboard.board import build_plugboard
from kernel.runtime.server import serve
from kernel.runtime.settings import load_settings
from kernel.tenancy.core import Core, Links
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_customers
from kernel.web.app import create_app
from plugins.sendgrid import events
from plugins.sendgrid.fold import BATCH, fold
from plugins.sendgrid.routes import GATHER
from plugins.sendgrid.signature import SIGNATURE, TIMESTAMP

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MESSAGES = 40_000
LARGE = 768 * 1024
RATE = 5_000
LANES = 8
KEY = ec.generate_private_key(ec.SECP256R1())
PATH = "/t/bench/sendgrid/events"


@post("/t/bench/sendgrid/events", status_code=204, request_max_body_size=None)
async def bare(request: Request[Any, Any, Any]) -> Response[None]:
    """Reads the post and answers."""
    await request.body()
    return Response(None, status_code=204)


async def opened(url: str) -> Core:
    """A Core on the database of the benchmark, in another process."""
    pool = await Pool(url, size=8).open()
    links = Links(base_url="https://mail.example.com", secret="b" * 40)
    return Core(pool=pool, board=build_plugboard(), links=links, clock=TurnedClock())


async def fold_here(url: str) -> None:
    """What a worker does with the events, until it is ended."""
    await folder(await opened(url), lambda: False)


async def serve_here(url: str, port: int) -> None:
    """The web server; on an empty `url` the bare one."""
    settings = load_settings({"MAILWRIGHT_PORT": str(port), "MAILWRIGHT_SECRET": "b" * 40})
    if not url:
        return await serve(Litestar([bare], openapi_config=None), settings, asyncio.Event())
    return await serve(create_app(await opened(url)), settings, asyncio.Event())


async def main() -> None:
    """Print the table."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else MESSAGES
    print(__doc__)
    async with bench_core(["sendgrid"]) as core:
        ids = await prepared(core, size)
        first, second = posts(told(ids, 1)), posts(told(ids, 2))
        count = sum(n for _, n in first)
        mb = sum(len(raw) for raw, _ in first) / 1e6
        large = sum(n > 1000 for _, n in first)
        print(f"{count:,} events, {len(first):,} posts ({large} large), {mb:.0f} MB\n")
        rows = []
        async with server("", 8911) as port:
            rows.append(("baseline: bare route", *await flat_out(port, first)))
        rows.append(("baseline: bare COPY", *await copied(core, first)))
        async with server(core.pool.url, 8912) as port:
            rows.append(("intake, as fast as it goes", *await flat_out(port, first)))
            rows.append(("fold, alone", *await folded(core)))
            rows.append(
                (f"intake at {RATE:,}/s, fold beside it", *await steady(port, second, core))
            )
        left = await value(core, "SELECT count(*) FROM sendgrid_event WHERE due_at IS NOT NULL")
        states = await value(
            core,
            "SELECT string_agg(state || ' ' || n, ', ' ORDER BY state) FROM (SELECT state, count(*) n "
            "FROM pipeline_message GROUP BY state) s",
        )
    table(("step", "events", "seconds", "a second", "p50 ms", "p99 ms"), [shown(r) for r in rows])
    print(f"\nleft to fold at the end: {left}; messages: {states}")


def shown(row: tuple[Any, ...]) -> list[str]:
    """A row of the table: name, events, seconds, latencies in seconds."""
    name, count, seconds, waits = row
    waits = sorted(waits)
    cells = [f"{waits[int(len(waits) * q)] * 1000:.1f}" if waits else "" for q in (0.5, 0.99)]
    return [name, f"{count:,}", f"{seconds:.2f}", f"{count / seconds:,.0f}", *cells]


async def prepared(core: Core, size: int) -> list[Any]:
    """(message id, address) of messages that were handed over; the key is set."""
    shown = base64.b64encode(
        KEY.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).decode()
    async with core.tenant_scope("bench") as ctx:
        await ctx.db.execute(
            "UPDATE tenancy_plugin SET settings = $1::jsonb WHERE plugin = 'sendgrid'",
            msgspec.json.encode({"webhook_key": shown}).decode(),
        )
        await add_customers(ctx, size)
        campaign = new_id()
        await ctx.db.execute(
            """INSERT INTO pipeline_campaign (tenant_id, id, key, campaign_type, plugin,
                 plugin_version, title, rationale, confidence, status, channel, audience_rule, context,
                 proposed_at, expires_at)
               VALUES ('bench', $1, 'k', 'welcome', 'welcome', '1', 'B', '', 0.5, 'sending',
                 'sendgrid', '{}', '', now(), now())""",
            campaign,
        )
        await ctx.db.execute(
            """INSERT INTO pipeline_message (tenant_id, campaign_id, customer_id, id, created_at, state,
                 attempts, attempted_at, accepted_at, provider_id)
               SELECT 'bench', $1, id, gen_random_uuid(), now(), 'accepted', 1, now(), now(), 'r' || id
               FROM profiles_customer""",
            campaign,
        )
    # As autovacuum would have done in a shop that sends.
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute("ANALYZE pipeline_message, profiles_customer")
    async with core.tenant_scope("bench") as ctx:
        return await ctx.db.fetch(
            "SELECT m.id, c.email FROM pipeline_message m JOIN profiles_customer c "
            "ON c.id = m.customer_id ORDER BY c.id"
        )


def told(ids: list[Any], turn: int) -> list[bytes]:
    """The events of one turn, each as SendGrid writes it; in the second turn mails are opened."""
    made = []
    for n, row in enumerate(ids):
        kinds = ["processed", "delivered"] if turn == 1 else ["open", "machine_open"]
        if n % 50 == 0 and turn == 1:
            kinds = ["processed", "deferred", "bounce"]
        for kind in kinds:
            one = {
                "email": row["email"],
                "timestamp": 1_795_485_595 + n,
                "smtp-id": f"<{n:022d}@geopod-ismtpd-{n % 40}>",
                "event": "open" if kind == "machine_open" else kind,
                "sg_machine_open": kind == "machine_open",
                "category": ["wave-12"],
                "sg_event_id": base64.urlsafe_b64encode(
                    f"{kind}-{turn}-{n * 7919:012d}".encode()
                ).decode(),
                "sg_message_id": f"{n:022d}.recvd-6f8d6bdd7-x7k2p-1-65A1B2C3-12.0",
                "response": "250 2.0.0 OK 1795485595 d2e1a72fcca58-6d9bcc0e9d4si1234567b3a.118 - gsmtp",
                "ip": "192.0.2.17",
                "tls": 1,
                "ae_message": str(row["id"]),
                "ae_tenant": "bench",
            }
            if kind == "bounce":
                one |= {"type": "bounce", "reason": "550 5.1.1 no such user", "status": "5.1.1"}
            made.append(msgspec.json.encode(one))
    random.Random(turn).shuffle(made)
    return made


def posts(parts: list[bytes]) -> list[tuple[bytes, int]]:
    """Whole requests, each with the number of its events."""
    draw, made, cut = random.Random(5), [], len(parts) // 3
    large, small = parts[:cut], parts[cut:]
    per = LARGE // len(parts[0])
    groups = [large[i : i + per] for i in range(0, cut, per)]
    while small:
        size = draw.randint(1, 40)
        groups.append(small[:size])
        small = small[size:]
    draw.shuffle(groups)
    for group in groups:
        body = b"[" + b",\n".join(group) + b"]\r\n"
        stamp = b"1795485700"
        mark = base64.b64encode(KEY.sign(stamp + body, ec.ECDSA(hashes.SHA256())))
        head = (
            f"POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            f"{TIMESTAMP}: {stamp.decode()}\r\n{SIGNATURE}: {mark.decode()}\r\n"
            f"Content-Length: {len(body)}\r\n\r\n"
        )
        made.append((head.encode() + body, len(group)))
    return made


@asynccontextmanager
async def server(url: str, port: int) -> AsyncIterator[int]:
    """A web server in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.webhooks", "--serve", url, str(port)
    )
    try:
        for _ in range(600):
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                break
        yield port
    finally:
        process.terminate()
        await process.wait()


class Lane:
    """One connection that is kept open."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, raw: bytes) -> None:
        """Post, and read the answer."""
        if self.pair is None:
            self.pair = await asyncio.open_connection("127.0.0.1", self.port)
        reader, writer = self.pair
        writer.write(raw)
        await writer.drain()
        head = await reader.readuntil(b"\r\n\r\n")
        if b" 204 " not in head.split(b"\r\n", 1)[0]:
            raise SystemExit(f"the server answered {head.decode()}")


async def flat_out(port: int, given: list[tuple[bytes, int]]) -> tuple[int, float, list[float]]:
    """All posts, each lane as fast as it is answered: events, seconds, latencies."""
    waits: list[float] = []
    left = iter(given)

    async def lane() -> None:
        one = Lane(port)
        for raw, _ in left:
            begun = time.perf_counter()
            await one.send(raw)
            waits.append(time.perf_counter() - begun)

    begun = time.perf_counter()
    await asyncio.gather(*(lane() for _ in range(LANES)))
    return sum(n for _, n in given), time.perf_counter() - begun, waits


async def steady(
    port: int, given: list[tuple[bytes, int]], core: Core
) -> tuple[int, float, list[float]]:
    """Each post when it is due, with the fold beside it, until all is folded."""
    waits: list[float] = []
    lanes: asyncio.Queue[Lane] = asyncio.Queue()
    for _ in range(4 * LANES):
        lanes.put_nowait(Lane(port))

    async def one(raw: bytes, due: float) -> None:
        lane = await lanes.get()
        await lane.send(raw)
        waits.append(time.perf_counter() - due)
        lanes.put_nowait(lane)

    folding = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.webhooks", "--fold", core.pool.url
    )
    begun, sent, tasks = time.perf_counter(), 0, []
    for raw, n in given:
        due = begun + sent / RATE
        await asyncio.sleep(max(0.0, due - time.perf_counter()))
        tasks.append(asyncio.create_task(one(raw, due)))
        sent += n
    await asyncio.gather(*tasks)
    seconds = time.perf_counter() - begun
    await asyncio.sleep(2 * GATHER)  # what is left to fold after that is told
    folding.terminate()
    await folding.wait()
    return sent, seconds, waits


async def folder(core: Core, over: Callable[[], bool]) -> int:
    """Folds until nothing is due and no more comes, as the job does: a second apart; how many."""
    total = 0
    while True:
        last = over()
        async with core.tenant_scope("bench") as ctx:
            count = await fold(ctx)
        total += count
        if not count and last:
            return total
        if count < BATCH and not last:
            await asyncio.sleep(GATHER)


async def folded(core: Core) -> tuple[int, float, list[float]]:
    """Everything that waits."""
    begun = time.perf_counter()
    total = await folder(core, lambda: True)
    return total, time.perf_counter() - begun, []


async def copied(core: Core, given: list[tuple[bytes, int]]) -> tuple[int, float, list[float]]:
    """The rows by COPY, a post a transaction."""
    columns = ["event_id", "kind", "at", "email", "named", "request", "smtp_id", "raw"]
    async with core.pool.unit_of_work(role=None) as unit:
        await unit.execute(
            f"CREATE TABLE bare_event AS SELECT {', '.join(columns)} FROM sendgrid_event"
        )
    records = []
    for raw, _ in given:
        found = events.read(raw.partition(b"\r\n\r\n")[2], "bench", core.clock.now())
        records.append([tuple(getattr(one, name) for name in columns) for one in found])
    begun = time.perf_counter()
    for rows in records:
        async with core.pool.unit_of_work(role=None) as unit:
            await unit.conn.copy_records_to_table("bare_event", columns=columns, records=rows)
    return sum(map(len, records)), time.perf_counter() - begun, []


async def value(core: Core, sql: str) -> Any:
    """The first column of the first row."""
    async with core.system_scope("benchmark") as unit:
        return await unit.fetchval(sql)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        asyncio.run(serve_here(sys.argv[2], int(sys.argv[3])))
    elif sys.argv[1:2] == ["--fold"]:
        asyncio.run(fold_here(sys.argv[2]))
    else:
        run(main)
