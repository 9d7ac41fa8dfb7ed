"""One deadline a call: who hangs is named, who comes after is not asked, and a cancel goes through."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

CTX = SimpleNamespace(tenant=SimpleNamespace(id="alpha"))
RULE = """
asked = []
@hookimpl
async def compliance_rules(ctx, stage, batch):
    asked.append(stage)
    {}
    return [Verdict(outcome="allowed") for _ in batch]
"""
STUBBORN = """try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        {}"""


async def ask(board, *names: str):
    return await board.veto(
        "compliance_rules", frozenset(names), ctx=CTX, stage="plan", batch=("m",)
    )


@pytest.mark.parametrize(
    ("hang", "said"),
    [
        ("await asyncio.sleep(60)", "did not answer within 0.1 s"),
        (STUBBORN.format("pass"), "went on after the deadline of 0.1 s"),
        (STUBBORN.format("raise ValueError('cancelled?')"), "cancelled?"),
        ("await asyncio.shield(asyncio.sleep(60))", "did not answer within 0.1 s"),
        ("await asyncio.gather(*(asyncio.sleep(60) for _ in range(9)))", "did not answer within"),
        ("async with asyncio.timeout(9): await asyncio.sleep(60)", "did not answer within 0.1 s"),
    ],
)
async def test_who_hangs_is_reported_and_all_after_it_are_denials(
    plugin, boarded, hang: str, said: str
) -> None:
    pairs = [
        plugin("aa_quick", RULE.format("await asyncio.sleep(0)")),
        plugin("bb_hangs", RULE.format(hang)),
        plugin("cc_after", RULE.format("")),
        plugin("dd_after", RULE.format("")),
    ]
    board, failures = boarded(*pairs, deadline=0.1)
    async with asyncio.timeout(30):  # half of what the plugin would take
        quick, hung, *after = await ask(board, *board.plugins)
    assert quick.error is None
    assert said in str(hung.error)
    for answer in after:
        assert answer.value is None
        assert "not asked: plugin `bb_hangs` used up the 0.1 s" in str(answer.error)
    assert [failure.plugin for failure in failures] == ["bb_hangs"]
    assert [len(module.asked) for _, module in pairs] == [1, 1, 0, 0]
    assert asyncio.current_task().cancelling() == 0
    await asyncio.sleep(0.01)  # nothing of the cancellation is left behind


async def test_a_time_out_of_the_plugins_own_is_only_its_failure(plugin, boarded) -> None:
    own = "async with asyncio.timeout(0.01): await asyncio.sleep(60)"
    board, failures = boarded(
        plugin("aa", RULE.format(own)), plugin("bb", RULE.format("")), deadline=5
    )
    first, second = await ask(board, "aa", "bb")
    assert isinstance(first.error, TimeoutError)
    assert second.error is None
    assert len(failures) == 1


async def test_the_deadline_is_one_for_all_together(plugin, boarded) -> None:
    slow = RULE.format("await asyncio.sleep(0.2)")
    board, _ = boarded(*(plugin(f"p{n}", slow) for n in range(5)), deadline=0.5)
    answers = await ask(board, *board.plugins)
    assert [answer.error is None for answer in answers] == [True, True, False, False, False]


async def test_a_cancelled_call_is_cancelled_and_nobody_is_blamed(plugin, boarded) -> None:
    pairs = [plugin("aa", RULE.format("await asyncio.sleep(60)")), plugin("bb", RULE.format(""))]
    board, failures = boarded(*pairs)
    task = asyncio.create_task(ask(board, "aa", "bb"))
    await asyncio.sleep(0.02)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not failures
    assert pairs[1][1].asked == []


async def test_a_cancel_together_with_the_deadline_is_a_cancel(plugin, boarded) -> None:
    board, failures = boarded(plugin("aa", RULE.format("await asyncio.sleep(60)")), deadline=0.05)
    task = asyncio.create_task(ask(board, "aa"))
    await asyncio.sleep(0.02)
    # Both happen before the task runs again: the loop is kept busy past the deadline.
    asyncio.get_running_loop().call_later(0.01, lambda: (time.sleep(0.06), task.cancel()))
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not failures


async def test_deadlines_of_calls_side_by_side_do_not_touch(plugin, boarded) -> None:
    pairs = [
        plugin("hangs", RULE.format("await asyncio.sleep(60)")),
        plugin("waits", RULE.format("await asyncio.sleep(0.15)")),
    ]
    short, _ = boarded(*pairs, deadline=0.05)
    long, _ = boarded(*pairs, deadline=0.5)
    hung, waited, late = await asyncio.gather(
        ask(short, "hangs"), ask(long, "waits"), ask(long, "hangs")
    )
    assert hung[0].error is not None
    assert waited[0].error is None
    assert late[0].error is not None


async def test_a_call_inside_a_call_has_its_own_deadline(plugin, boarded) -> None:
    name, module = plugin("outer", RULE.format("await inner()"))
    inner, failures = boarded(plugin("aa", RULE.format("await asyncio.sleep(60)")), deadline=0.05)
    outer, outer_failures = boarded((name, module), deadline=5)
    module.inner = lambda: ask(inner, "aa")
    (answer,) = await ask(outer, "outer")
    assert answer.error is None
    assert len(failures) == 1
    assert not outer_failures


async def test_first_keeps_time_for_the_last_in_order(plugin, boarded) -> None:
    decide = """
@hookimpl
async def decide(candidates):
    {}
    return [Decision(chosen=Action(send=False), options=(), reasons=("r",), policy="p")] * 2
"""
    board, failures = boarded(
        plugin("claude", decide.format("await asyncio.sleep(60)")),
        plugin("other", decide.format("raise AssertionError('must not be asked')")),
        plugin("rules", decide.format("await asyncio.sleep(0.02)")),
        deadline=1.0,
    )
    answers = await board.first("decide", frozenset(board.plugins), "candidates", (1, 2), ctx=CTX)
    assert [answer.plugin for answer in answers] == ["rules", "rules"]
    assert [failure.plugin for failure in failures] == ["claude"]


def test_a_board_serves_one_event_loop_after_another(plugin, boarded) -> None:
    board, failures = boarded(plugin("aa", RULE.format("await asyncio.sleep(60)")), deadline=0.05)
    for _ in range(3):
        (answer,) = asyncio.run(ask(board, "aa"))
        assert answer.error is not None
    assert len(failures) == 3
