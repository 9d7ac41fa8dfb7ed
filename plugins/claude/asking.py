"""Asks questions directly: some at once, each answer stored before the next question is taken.

A question is committed as asked, and money set aside for it, before it goes out. Who is killed in
between leaves a lease behind; when it has run out the question is asked once more, and both count.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

from plugins.claude import budget, circuit, client, repo, setups
from plugins.claude.answers import Words, Wrong, read
from plugins.claude.client import Failed, Said, Usage
from plugins.claude.words import fault

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date
    from uuid import UUID

    from anthropic import AsyncAnthropic

    from kernel.sdk import Context
    from plugins.claude.manifest import ClaudeSettings, Price
    from plugins.claude.repo import Question
    from plugins.claude.setups import Setup

Asked = tuple["Question", "Setup"]
Outcome = Said | Failed
Ended = tuple[Asked, Outcome]


def price_of(settings: ClaudeSettings, kind: str) -> Price:
    """The price of the model that answers questions of this kind."""
    return settings.price_write if kind == "copy" else settings.price_decide


async def work(
    ctx: Context, settings: ClaudeSettings, ids: Sequence[UUID], window: float, seconds: float
) -> str:
    """Ask those of the questions that wait, directly.

    Args:
        ctx: the tenant, outside a transaction.
        settings: of the tenant.
        ids: the questions.
        window: seconds in which questions are begun; what is under way then is waited for.
        seconds: how long one answer may take.

    Returns:
        Why some still wait and will not be asked, "" where nothing is in the way.
    """
    until = time.monotonic() + window
    running: dict[asyncio.Task[Outcome], Asked] = {}
    ended: list[Ended] = []
    async with AsyncExitStack() as stack:
        api = None
        try:
            while True:
                room = settings.at_once - len(running) if time.monotonic() < until else 0
                async with ctx.transaction() as tx:
                    await store(tx, settings, ended)
                    begun, blocked = await claim(tx, settings, ids, room)
                if begun and api is None:  # opening one takes a tenth of a second
                    api = await stack.enter_async_context(
                        client.open_client(settings, ctx.tenant.id)
                    )
                for question, setup in begun:
                    assert api is not None
                    said = setups.messages(question.facts, question.answer, question.wrong)
                    params = {**setup.params, "messages": said}
                    task = asyncio.create_task(_outcome(api, params, seconds, settings.retries))
                    running[task] = (question, setup)
                if not running:
                    return blocked
                done, _ = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
                ended = [(running.pop(task), task.result()) for task in done]
        finally:
            for task in running:
                task.cancel()
            for task in running:
                with suppress(asyncio.CancelledError):
                    await task


async def _outcome(
    api: AsyncAnthropic, params: dict[str, Any], seconds: float, retries: int
) -> Outcome:
    try:
        return await client.ask(api, params, seconds, retries)
    except Failed as failed:
        return failed


async def claim(
    tx: Context, settings: ClaudeSettings, ids: Sequence[UUID], room: int
) -> tuple[list[Asked], str]:
    """Questions to ask now, at most `room`, noted as asked; and what stands in the way of more."""
    if room <= 0:
        return [], ""
    await repo.give_up_lost(tx, ids)
    found = await repo.waiting(tx, ids, room)
    if not found:
        return [], ""
    blocked, probing = await circuit.why_closed_off(tx)
    if blocked:
        return [], blocked
    if probing:
        found = found[:1]
    known = await setups.load(tx, [question.setup for question in found])
    each = {
        question.id: setups.most_micros(
            known[question.setup], question.facts, price_of(settings, question.kind)
        )
        for question in found
    }
    count, day = await budget.reserve(tx, settings.daily_budget, list(each.values()))
    if count == 0:
        return [], budget.USED_UP
    taken = dict(list(each.items())[:count])
    asked = await repo.asked(tx, taken, day)
    return [(question, known[question.setup]) for question in asked], ""


async def store(
    tx: Context, settings: ClaudeSettings, ended: Sequence[Ended], share: float = 1.0
) -> None:
    """Note how asking ended, and settle what it cost.

    Args:
        tx: the tenant, in a transaction.
        settings: of the tenant.
        ended: questions as they stood once they were asked, and what came of it.
        share: what is paid of the price: less in a batch.
    """
    days: dict[date, tuple[int, int, int, Usage]] = {}
    good = False
    for (question, setup), outcome in ended:
        usage = Usage() if isinstance(outcome, Failed) else outcome.usage
        if isinstance(outcome, Failed):
            if outcome.service:
                await circuit.failed(tx, settings, outcome.reason)
            spent = question.reserved_micros if outcome.billed else 0
            state, wrong, answer, fallback = "failed", "", "", outcome.reason
        else:
            good = True
            spent = usage.micros(price_of(settings, question.kind), share)
            state, wrong, fallback = _judged(question, setup, outcome)
            answer = outcome.text
        ours = await repo.settled(
            tx,
            question,
            state,
            wrong=wrong,
            answer=answer,
            fallback=fallback,
            model=setup.model,
            tokens=usage.total,
            cost_micros=spent,
        )
        if ours and question.reserved_on is not None:
            reserved, paid, calls, used = days.get(question.reserved_on, (0, 0, 0, Usage()))
            days[question.reserved_on] = (
                reserved + question.reserved_micros,
                paid + spent,
                calls + 1,
                used + usage,
            )
    for day, (reserved, paid, calls, used) in sorted(days.items()):
        await budget.settle(tx, day, reserved, paid, calls, used)
    if good:
        await circuit.good(tx)


def _judged(question: Question, setup: Setup, said: Said) -> tuple[str, str, str]:
    """What becomes of the question: its state, what was wrong, and why it failed."""
    if said.final:
        return "failed", "", said.final
    wrong = said.wrong
    if not wrong:
        try:
            answer = read(question.kind, said.text, setup.schema, setup.pairs)
        except Wrong as error:
            wrong = str(error)
        else:
            shop = setup.params["system"][1]["text"]
            wrong = fault(answer, question.facts, shop) if isinstance(answer, Words) else ""
    if not wrong:
        return "answered", "", ""
    if question.wrong:
        return "failed", wrong, f"Claude's answer could not be used, twice: {wrong}"
    return "waiting", wrong, ""
