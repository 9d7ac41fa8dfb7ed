"""A plugin whose handlers and jobs do what they are told, and write down what they did."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from typing import Any, ClassVar

from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.sdk import (
    Context,
    Event,
    Job,
    Manifest,
    NoSettings,
    Subscription,
    hookimpl,
    tenant_table,
)

MANIFEST = Manifest(
    name="probe",
    version="1",
    title="Probe",
    summary="For tests.",
    kind="tool",
    settings=NoSettings,
)

TABLE = tenant_table(
    "probe_effect",
    "n bigint GENERATED ALWAYS AS IDENTITY, what text NOT NULL, batch int NOT NULL, "
    "actor text NOT NULL",
    "n",
)


def board() -> Plugboard:
    """A plugboard with this plugin alone."""
    module = sys.modules[__name__]
    return build_plugboard(mandatory=(), extra=[(MANIFEST.name, module)], only=())


class Happened(Event):
    """Something happened that asks for `what`."""

    type: ClassVar[str] = "probe.happened"
    customer_id: int | None = None
    what: str


class Seen(Event):
    """A handler saw `what`."""

    type: ClassVar[str] = "probe.seen"
    what: str


async def effect(ctx: Context, what: str, batch: int = 1) -> None:
    await ctx.db.execute(
        "INSERT INTO probe_effect (tenant_id, what, batch, actor) VALUES ($1, $2, $3, $4)",
        ctx.tenant.id,
        what,
        batch,
        ctx.actor,
    )


async def obey(ctx: Context, what: str, batch: int = 1) -> None:
    """Writes the effect first, so that a test sees whether it is undone."""
    await effect(ctx, what, batch)
    order, _, argument = what.partition(" ")
    if order == "fail":
        ctx.after_commit(_never)
        raise ValueError("told to fail for jane@example.com")
    if order == "sql":
        await ctx.db.execute("SELECT 1 / 0")
    if order == "cancel":
        raise asyncio.CancelledError
    if order == "exit":
        raise SystemExit(3)
    if order == "hang":
        await ctx.db.execute("SELECT pg_sleep(60)")
    if order == "wait":
        await asyncio.sleep(float(argument))
    if order == "kill" and not await asyncio.to_thread(os.path.exists, argument):
        with open(argument, "w") as file:  # noqa: ASYNC230 - the next line ends this process
            file.write("killed once")
        os.kill(os.getpid(), signal.SIGKILL)


async def _never() -> None:
    raise AssertionError("what was undone must not be told of")


async def on_happened(ctx: Context, events: Sequence[Happened]) -> None:
    for event in events:
        await obey(ctx, event.what, len(events))


async def on_happened_too(ctx: Context, events: Sequence[Happened]) -> None:
    await ctx.db.execute(
        "INSERT INTO probe_effect (tenant_id, what, batch, actor) "
        "SELECT $1, unnest($2::text[]), $3, $4",
        ctx.tenant.id,
        [event.what for event in events],
        len(events),
        ctx.actor,
    )


async def note(ctx: Context, payload: dict[str, Any]) -> None:
    await obey(ctx, payload.get("what", "note"))


async def alone(ctx: Context, payload: dict[str, Any]) -> None:
    async with ctx.transaction() as tx:
        await effect(tx, payload["what"])
    order, _, argument = payload["what"].partition(" ")
    if order == "wait":
        await asyncio.sleep(float(argument))
    if order == "fail":
        raise ValueError("told to fail")


async def tick(ctx: Context, payload: dict[str, Any]) -> None:
    await effect(ctx, f"tick {ctx.now:%d %H:%M}")


async def daily(ctx: Context, payload: dict[str, Any]) -> None:
    await effect(ctx, f"daily {ctx.now:%d %H:%M}")


@hookimpl
def event_types() -> Sequence[type[Event]]:
    return [Happened, Seen]


@hookimpl
def subscriptions() -> Sequence[Subscription]:
    return [
        Subscription(name="obey", event=Happened, handle=on_happened),
        Subscription(name="also", event=Happened, handle=on_happened_too),
    ]


@hookimpl
def jobs() -> Sequence[Job]:
    return [
        Job(name="note", run=note),
        Job(name="alone", run=alone, transaction=False),
        Job(name="slow", run=note, long=True),
        Job(name="tick", run=tick, every=3600.0),
        Job(name="daily", run=daily, daily_at="02:30"),
    ]
