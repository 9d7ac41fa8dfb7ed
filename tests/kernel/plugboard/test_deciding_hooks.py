"""The hooks around a decision: advice before, guardrails after, copy by whoever writes best."""

from __future__ import annotations

from types import SimpleNamespace
from uuid import UUID

import pytest

from kernel.sdk import Action, Decision, Grant, Guarded

CTX = SimpleNamespace(tenant=SimpleNamespace(id="alpha"))
SKIP = Action(send=False)
DECISION = Decision(chosen=SKIP, options=(), reasons=("r",), policy="p")
ID = UUID(int=7)


def answering(hook: str, arguments: str, value: str) -> str:
    return f"@hookimpl\nasync def {hook}({arguments}):\n    return {value}\n"


ADVICE = f"Advice(plugin='{{}}', id=__import__('uuid').UUID('{ID}'), answer='yes')"


async def test_consult_collects_an_answer_of_each_plugin(plugin, boarded) -> None:
    board, failures = boarded(
        plugin("aa", answering("consult", "candidates", f"[{ADVICE.format('aa')}, None]")),
        plugin("bb", answering("consult", "candidates", "[Pending(reason='asked'), None]")),
        plugin("cc", answering("consult", "candidates", "1 / 0")),
    )
    answers = await board.collect(
        "consult", frozenset(["aa", "bb", "cc"]), ctx=CTX, given=None, candidates=(1, 2)
    )
    assert [answer.plugin for answer in answers] == ["aa", "bb"]
    assert answers[0].value[0].answer == "yes" and answers[1].value[0].reason == "asked"
    assert [failure.plugin for failure in failures] == ["cc"]


@pytest.mark.parametrize(
    ("hook", "arguments", "value", "said"),
    [
        ("consult", "candidates", "[]", "answered 0 items where 2"),
        ("consult", "candidates", "['yes', 'no']", "answered str, not Advice"),
        (
            "consult",
            "candidates",
            f"[msgspec.structs.replace({ADVICE.format('odd')}, tokens='many')] * 2",
            "Advice that is not valid",
        ),
        ("adjust_decisions", "decisions", "[None, None]", "answered NoneType, not Guarded"),
        ("adjust_decisions", "decisions", "decisions[:1]", "answered 1 items where 2"),
        ("write_copy", "briefs", "['words', None]", "answered str, not Written"),
    ],
)
async def test_nonsense_counts_as_no_answer(
    plugin, boarded, hook: str, arguments: str, value: str, said: str
) -> None:
    source = "import msgspec\n" + answering(hook, arguments, value)
    board, failures = boarded(plugin("odd", source))
    only = frozenset(["odd"])
    if hook == "consult":
        assert not await board.collect(hook, only, ctx=CTX, given=None, candidates=(1, 2))
    elif hook == "adjust_decisions":
        before = (Guarded(decision=DECISION, action=SKIP),) * 2
        more = {"ctx": CTX, "given": None, "candidates": (1, 2)}
        assert await board.chain(hook, only, "decisions", before, **more) == before
    else:
        assert await board.first(hook, only, "briefs", (1, 2), ctx=CTX) == [None, None]
    assert said in failures[0].text


async def test_guardrails_follow_one_another(plugin, boarded) -> None:
    grant = "[msgspec.structs.replace(d, grant=Grant(plugin='aa', offer='percent/10')) for d in decisions]"
    look = "[msgspec.structs.replace(d, held_out=d.grant is not None) for d in decisions]"
    board, failures = boarded(
        plugin("aa", "import msgspec\n" + answering("adjust_decisions", "decisions", grant)),
        plugin("bb", answering("adjust_decisions", "decisions", "1 / 0")),
        plugin("cc", "import msgspec\n" + answering("adjust_decisions", "decisions", look)),
    )
    before = (Guarded(decision=DECISION, action=SKIP),)
    more = {"ctx": CTX, "given": None, "candidates": (1,)}
    (after,) = await board.chain(
        "adjust_decisions", frozenset(["aa", "bb", "cc"]), "decisions", before, **more
    )
    assert after.grant == Grant(plugin="aa", offer="percent/10") and after.held_out
    assert [failure.plugin for failure in failures] == ["bb"]


async def test_the_first_who_writes_writes(plugin, boarded) -> None:
    board, _ = boarded(
        plugin("aa", answering("write_copy", "briefs", "[None, Pending(reason='asked')]")),
        plugin("bb", answering("write_copy", "briefs", "[Written(copy=None, fallback='tired')]")),
    )
    first, second = await board.first(
        "write_copy", frozenset(["aa", "bb"]), "briefs", (1, 2), ctx=CTX
    )
    assert (first.plugin, first.value.fallback) == ("bb", "tired")
    assert (second.plugin, second.value.reason) == ("aa", "asked")
