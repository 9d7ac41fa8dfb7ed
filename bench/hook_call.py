"""A hook call beside a plain Python loop that awaits the same eight functions.

Twenty plugins are loaded, eight are enabled. The loop knows its eight functions, checks nothing, and
has no deadline; the plugboard finds who is enabled, keeps one deadline, names every answer, and checks
it. Both run in turns, in this process, for 3 ms a round; the round with the least processor time
counts, which is the one that the rest of the machine disturbed least.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Awaitable, Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import msgspec

from bench.support import table
from kernel.plugboard.board import Plugboard, build_plugboard
from kernel.sdk import Action, Decision, Manifest, MessageVars, Option, Verdict, hookimpl

PLUGINS, ENABLED = 20, 8
FULL = 1000
ROUNDS = 60
TARGET = 2.0
CTX = SimpleNamespace(tenant=SimpleNamespace(id="bench"), now=None)

ALLOWED = Verdict(outcome="allowed")
DENIED = Verdict(outcome="suppressed", rule="bench.consent", reason="Did not subscribe.")
NOT_NOW = Action(send=False)


def plugin(number: int) -> tuple[str, ModuleType]:
    """A plugin whose hooks do the least that a real one would do."""
    name = f"bench{number:02d}"
    module = ModuleType(name)

    @hookimpl
    async def tenant_enabled(ctx: Any) -> None:
        pass

    @hookimpl
    async def compliance_rules(ctx: Any, stage: str, batch: Any) -> list[Verdict]:
        return [ALLOWED if message.consent == "subscribed" else DENIED for message in batch]

    @hookimpl
    async def template_vars(ctx: Any, batch: Any, values: Any) -> list[MessageVars]:
        return [
            msgspec.structs.replace(value, slots={**value.slots, name: number}) for value in values
        ]

    @hookimpl
    async def decide(ctx: Any, candidates: Any) -> list[Decision | None]:
        if ctx.last != name:
            return [None] * len(candidates)
        return [
            Decision(
                chosen=NOT_NOW,
                options=(Option(action=NOT_NOW, probability=1.0),),
                reasons=(f"Customer {one.customer_id} had a mail yesterday.",),
                policy="bench/1",
            )
            for one in candidates
        ]

    module.__dict__.update(
        MANIFEST=Manifest(name=name, version="1", title=name, summary=name, kind="tool"),
        tenant_enabled=tenant_enabled,
        compliance_rules=compliance_rules,
        template_vars=template_vars,
        decide=decide,
    )
    return name, module


Pair = tuple[str, int, Callable[[], Awaitable[Any]], Callable[[], Awaitable[Any]]]


def cases(board: Plugboard, enabled: frozenset[str]) -> list[Pair]:
    """(what, batch size, plain loop, plugboard call); both give the same answers."""
    ctx: Any = SimpleNamespace(tenant=CTX.tenant, last=max(enabled))
    mine = [board.plugins[name].module for name in board.plugins if name in enabled]
    found: list[Pair] = []

    async def plain_notify() -> None:
        for module in mine:
            await module.tenant_enabled(ctx=ctx)

    found.append(
        (
            "NOTIFY, eight that do nothing",
            0,
            plain_notify,
            lambda: board.notify("tenant_enabled", enabled, ctx=ctx),
        )
    )
    for size in (1, 10, 100, FULL):
        batch = [SimpleNamespace(consent="subscribed", customer_id=n + 1) for n in range(size)]
        values = [MessageVars(slots={"first_name": "Ada"}) for _ in batch]

        async def plain_veto(batch: Any = batch) -> list[Any]:
            answers = []
            for module in mine:
                answers.append(await module.compliance_rules(ctx=ctx, stage="plan", batch=batch))
            return answers

        async def plain_chain(batch: Any = batch, values: Any = values) -> Any:
            for module in mine:
                values = await module.template_vars(ctx=ctx, batch=batch, values=values)
            return values

        async def plain_first(batch: Any = batch) -> list[Any]:
            answers: list[Any] = [None] * len(batch)
            for module in mine:
                for index, value in enumerate(await module.decide(ctx=ctx, candidates=batch)):
                    if answers[index] is None:
                        answers[index] = value
            return answers

        def veto(batch: Any = batch) -> Awaitable[Any]:
            return board.veto("compliance_rules", enabled, ctx=ctx, stage="plan", batch=batch)

        def chain(batch: Any = batch, values: Any = values) -> Awaitable[Any]:
            return board.chain("template_vars", enabled, "values", values, ctx=ctx, batch=batch)

        def first(batch: Any = batch) -> Awaitable[Any]:
            return board.first("decide", enabled, "candidates", batch, ctx=ctx)

        found += [
            ("VETO, eight rules over consent", size, plain_veto, veto),
            ("CHAIN, eight that add a slot", size, plain_chain, chain),
            ("FIRST, the eighth decides", size, plain_first, first),
        ]
    return found


async def measure(plain: Callable[[], Awaitable[Any]], ours: Callable[[], Awaitable[Any]]) -> Any:
    """Microseconds a call of each: the best of rounds taken in turns."""
    begun = time.process_time()
    await plain()
    times = max(1, int(0.003 / (time.process_time() - begun)))
    best = [float("inf"), float("inf")]
    for _ in range(ROUNDS):
        for which, call in enumerate((plain, ours)):
            begun = time.process_time()
            for _ in range(times):
                await call()
            best[which] = min(best[which], (time.process_time() - begun) / times * 1e6)
    return best


def main() -> int:
    """Print the table; 1 when any call is over the target."""
    board = build_plugboard((), extra=[plugin(number) for number in range(PLUGINS)], only=())
    enabled = board.enabled(list(board.plugins)[:: PLUGINS // ENABLED][:ENABLED])
    assert len(board.plugins) == PLUGINS
    assert len(enabled) == ENABLED

    async def run() -> list[tuple[str, int, float, float]]:
        return [
            (what, size, *await measure(plain, ours))
            for what, size, plain, ours in sorted(cases(board, enabled), key=lambda c: c[0])
        ]

    rows = asyncio.run(run())
    print(__doc__)
    table(
        ("call", "batch", "plain loop, µs", "plugboard, µs", "more, µs", "ratio"),
        [
            (what, size, f"{a:.1f}", f"{b:.1f}", f"{b - a:.1f}", f"{b / a:.2f}")
            for what, size, a, b in rows
        ],
    )
    over = [f"{what} ({size})" for what, size, a, b in rows if b / a > TARGET]
    within = len(rows) - len(over)
    print(f"\ntarget, within {TARGET:g} times the plain loop: met by {within} of {len(rows)} calls")
    for one in over:
        print(f"  over: {one}")
    return int(bool(over))


if __name__ == "__main__":
    sys.exit(main())
