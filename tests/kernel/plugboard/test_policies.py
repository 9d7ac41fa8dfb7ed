"""The policies: how the answers of several plugins become one, and what a failure does to it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kernel.sdk import Action, Decision, MessageVars, Verdict

ALLOWED = 'Verdict(outcome="allowed")'
CTX = SimpleNamespace(tenant=SimpleNamespace(id="alpha"))
BATCH = ("m1", "m2")

RULE = """
@hookimpl
async def compliance_rules(ctx, stage, batch):
    return [Verdict(outcome="{outcome}", rule="{rule}") for _ in batch]
"""
RAISES = """
@hookimpl
async def compliance_rules(ctx, stage, batch):
    raise ValueError("no idea")
"""


def answering(hook: str, arguments: str, value: str) -> str:
    return f"@hookimpl\nasync def {hook}({arguments}):\n    return {value}\n"


async def test_collect_names_who_answered_and_leaves_out_who_failed(plugin, boarded) -> None:
    erase = "@hookimpl\nasync def erase_customer(ctx, customer_id):\n    {}\n"
    board, failures = boarded(
        plugin("one", erase.format("return Erased(rows=customer_id)")),
        plugin("two", erase.format("raise KeyError('x')")),
        plugin("ten", erase.format("return Erased(rows=1)")),
    )
    answers = await board.collect(
        "erase_customer", board.enabled(["one", "two", "ten"]), ctx=CTX, customer_id=7
    )
    assert [(a.plugin, a.value.rows) for a in answers] == [("one", 7), ("ten", 1)]
    assert [(f.tenant, f.plugin, f.what, f.text) for f in failures] == [
        ("alpha", "two", "erase_customer", "KeyError: 'x'")
    ]


async def test_disabled_plugins_are_never_asked(plugin, boarded) -> None:
    board, _ = boarded(
        plugin("on", RULE.format(outcome="allowed", rule="on")), plugin("off", RAISES)
    )
    answers = await board.veto(
        "compliance_rules", board.enabled(["on"]), ctx=CTX, stage="plan", batch=BATCH
    )
    assert [answer.plugin for answer in answers] == ["on"]


async def test_veto_has_an_answer_of_everyone_and_an_error_is_one(plugin, boarded) -> None:
    board, failures = boarded(
        plugin("good", RULE.format(outcome="allowed", rule="r")), plugin("bad", RAISES)
    )
    answers = await board.veto(
        "compliance_rules", board.enabled(["good", "bad"]), ctx=CTX, stage="plan", batch=BATCH
    )
    assert [(a.plugin, a.error is None) for a in answers] == [("bad", False), ("good", True)]
    assert answers[0].value is None
    assert str(answers[0].error) == "no idea"
    assert len(failures) == 1


async def test_veto_asks_mandatory_plugins_even_of_an_empty_set(plugin, boarded) -> None:
    board, _ = boarded(
        plugin("law", RULE.format(outcome="suppressed", rule="law")), mandatory=("law",)
    )
    answers = await board.veto(
        "compliance_rules", frozenset(), ctx=CTX, stage="handover", batch=BATCH
    )
    assert [answer.value[0].outcome for answer in answers] == ["suppressed"]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("None", "answered NoneType, not a list of Verdict"),
        ("'allowed'", "answered str"),
        ("[]", "answered 0 items where 2 were asked for"),
        (f"[{ALLOWED}] * 3", "answered 3 items where 2"),
        ("[True, True]", "answered bool, not Verdict"),
        ("[Verdict(outcome='fine')] * 2", "unknown outcome 'fine'"),
        ("[Verdict(outcome='deferred')] * 2", "answered `deferred` without `until`"),
        ("[Verdict(outcome='deferred', until='soon')] * 2", "answered `deferred` without `until`"),
        (f"({ALLOWED} for _ in batch)", "answered generator"),
    ],
)
async def test_a_nonsense_verdict_is_a_denial(plugin, boarded, value: str, said: str) -> None:
    board, failures = boarded(
        plugin("odd", answering("compliance_rules", "ctx, stage, batch", value))
    )
    (answer,) = await board.veto(
        "compliance_rules", frozenset(["odd"]), ctx=CTX, stage="plan", batch=BATCH
    )
    assert answer.value is None
    assert said in str(answer.error)
    assert said in failures[0].text


def decision(tone: str) -> str:
    return (
        f"Decision(chosen=Action(send=True, tone='{tone}'), options=(), reasons=('r',), policy='p')"
    )


async def test_first_is_per_item_and_asks_only_for_what_is_open(plugin, boarded) -> None:
    board, failures = boarded(
        plugin(
            "a_odd",
            f"""
@hookimpl
async def decide(ctx, candidates):
    return [{decision("odd")} if c % 2 else None for c in candidates]
""",
        ),
        plugin("b_none", answering("decide", "ctx, candidates", "None")),
        plugin(
            "c_rules",
            f"""
@hookimpl
async def decide(candidates):
    assert list(candidates) == [2, 4]
    return [{decision("rest")} if c == 2 else None for c in candidates]
""",
        ),
    )
    answers = await board.first(
        "decide", board.enabled(board.plugins), "candidates", [1, 2, 3, 4], ctx=CTX
    )
    assert not failures
    assert [(a.plugin, a.value.chosen.tone) if a else None for a in answers] == [
        ("a_odd", "odd"),
        ("c_rules", "rest"),
        ("a_odd", "odd"),
        None,
    ]


async def test_first_stops_when_everything_is_answered(plugin, boarded) -> None:
    board, failures = boarded(
        plugin("aa", answering("decide", "candidates", f"[{decision('a')} for _ in candidates]")),
        plugin("bb", "@hookimpl\nasync def decide(candidates):\n    raise SystemError\n"),
    )
    answers = await board.first("decide", frozenset(["aa", "bb"]), "candidates", [1], ctx=CTX)
    assert answers[0].plugin == "aa"
    assert not failures
    assert await board.first("decide", frozenset(["aa", "bb"]), "candidates", [], ctx=CTX) == []
    assert not failures


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("[]", "answered 0 items"),
        ("7", "answered int"),
        ("['send'] * 2", "answered str, not Decision or None"),
        (
            "[Decision(chosen='yes', options=(), reasons=(), policy='p')] * 2",
            "answered a Decision that is not valid",
        ),
        (
            "[Decision(chosen=Action(send=True), options=(), reasons=(object(),), policy='p')] * 2",
            "answered a Decision that is not valid",
        ),
    ],
)
async def test_a_nonsense_decision_counts_as_none_and_the_next_is_asked(
    plugin, boarded, value: str, said: str
) -> None:
    board, failures = boarded(
        plugin("aa", answering("decide", "ctx, candidates", value)),
        plugin("bb", answering("decide", "candidates", f"[{decision('b')} for _ in candidates]")),
    )
    answers = await board.first("decide", frozenset(["aa", "bb"]), "candidates", [1, 2], ctx=CTX)
    assert [answer.plugin for answer in answers] == ["bb", "bb"]
    assert said in failures[0].text


async def test_chain_hands_the_value_on_and_a_failure_leaves_it(plugin, boarded) -> None:
    add = """
@hookimpl
async def template_vars(values):
    return [MessageVars(slots={{**v.slots, "{slot}": len(v.slots)}}) for v in values]
"""
    board, failures = boarded(
        plugin("aa", add.format(slot="a")),
        plugin(
            "bb", "@hookimpl\nasync def template_vars(ctx, values):\n    raise OSError('gone')\n"
        ),
        plugin("cc", add.format(slot="c")),
    )
    values = [MessageVars(slots={})]
    result = await board.chain(
        "template_vars", frozenset(["aa", "bb", "cc"]), "values", values, ctx=CTX, batch=("m1",)
    )
    assert result[0].slots == {"a": 0, "c": 1}
    assert values == [MessageVars(slots={})]
    assert [failure.plugin for failure in failures] == ["bb"]


@pytest.mark.parametrize(
    "value",
    [
        "None",
        "values[:0]",
        "[{}]",
        "[MessageVars(slots=None)]",
        "[MessageVars(slots={}, headers={'X-A': 1})]",
        "[MessageVars(slots={}, headers={'X-A': 'a\\r\\nBcc: everyone@example.com'})]",
        "[MessageVars(slots={}, headers={'X-A: b': 'a'})]",
        "[MessageVars(slots={}, headers={'X\\nA': 'a'})]",
        "[MessageVars(slots={}, headers={'': 'a'})]",
    ],
)
async def test_nonsense_in_a_chain_changes_nothing(plugin, boarded, value: str) -> None:
    board, failures = boarded(plugin("odd", answering("template_vars", "values", value)))
    values = (MessageVars(slots={"a": 1}),)
    result = await board.chain(
        "template_vars", frozenset(["odd"]), "values", values, ctx=CTX, batch=("m1",)
    )
    assert result == values
    assert len(failures) == 1


async def test_nobody_can_change_the_chained_list_in_place(plugin, boarded) -> None:
    source = "@hookimpl\nasync def template_vars(values):\n    values.clear()\n    return values\n"
    board, failures = boarded(plugin("odd", source))
    values = [MessageVars(slots={})]
    result = await board.chain(
        "template_vars", frozenset(["odd"]), "values", values, ctx=CTX, batch=("m1",)
    )
    assert list(result) == values == [MessageVars(slots={})]
    assert failures[0].plugin == "odd"


async def test_notify_tells_everyone_and_isolates_errors(plugin, boarded) -> None:
    tell = """
told = []
@hookimpl
async def {hook}(ctx):
    told.append(ctx)
    {then}
"""
    for hook in ("tenant_enabled", "tenant_disabled"):
        pairs = [
            plugin("aa", tell.format(hook=hook, then="raise SystemExit(3)")),
            plugin("bb", tell.format(hook=hook, then="return 5")),
            plugin("cc", tell.format(hook=hook, then="")),
        ]
        board, failures = boarded(*pairs)
        answers = await board.notify(hook, frozenset(["aa", "cc"]), ctx=CTX)
        assert [module.told for _, module in pairs] == [[CTX], [], [CTX]]
        assert [(answer.plugin, answer.error is None) for answer in answers] == [("aa", False)]
        assert [failure.text for failure in failures] == ["SystemExit: 3"]


async def test_export_must_be_an_export(plugin, boarded) -> None:
    source = answering("export_customer", "ctx, customer_id", "{}")
    board, failures = boarded(
        plugin("good", source.format("Export(rows={'notes': [{'at': 1}]})")),
        plugin("odd", source.format("{'notes': []}")),
    )
    answers = await board.collect(
        "export_customer", frozenset(["good", "odd"]), ctx=CTX, customer_id=1
    )
    assert [answer.plugin for answer in answers] == ["good"]
    assert failures[0].text == "Nonsense: answered dict, not Export"


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda b: b.collect("decide", frozenset(), ctx=CTX, candidates=()), "policy FIRST"),
        (lambda b: b.collect("erase_customer", frozenset(), ctx=CTX), "exactly ctx, customer_id"),
        (lambda b: b.first("decide", frozenset(), "items", [], ctx=CTX), "candidates"),
    ],
)
async def test_a_wrong_call_by_the_kernel_is_not_blamed_on_plugins(boarded, call, said) -> None:
    board, failures = boarded()
    with pytest.raises((TypeError, KeyError), match=said):
        await call(board)
    assert not failures


async def test_a_kernel_error_from_a_plugin_is_its_failure(plugin, boarded) -> None:
    board, failures = boarded(
        plugin("aa", "@hookimpl\nasync def tenant_enabled(ctx):\n    raise NotFound('x', 'y')\n")
    )
    (answer,) = await board.notify("tenant_enabled", frozenset(["aa"]), ctx=CTX)
    assert failures[0].text == "x y"
    assert answer.error is failures[0].error


@given(
    outcomes=st.lists(
        st.sampled_from(["allowed", "suppressed", "capped", "raises"]), min_size=1, max_size=6
    ),
    enabled=st.sets(st.integers(0, 5)),
)
async def test_veto_equals_a_plain_loop(outcomes: list[str], enabled: set[int]) -> None:
    from kernel.plugboard.board import build_plugboard

    pairs = []
    for number, outcome in enumerate(outcomes):
        source = RAISES if outcome == "raises" else RULE.format(outcome=outcome, rule=number)
        pairs.append(_made(f"p{number}", source))
    board = build_plugboard((), extra=pairs, only=())
    board.report = lambda failure: None
    chosen = [f"p{number}" for number in sorted(enabled)]
    answers = await board.veto(
        "compliance_rules", board.enabled(chosen), ctx=CTX, stage="plan", batch=("m",)
    )
    expected: list[tuple[str, Any]] = [
        (f"p{number}", None if outcome == "raises" else outcome)
        for number, outcome in enumerate(outcomes)
        if number in enabled
    ]
    assert [(a.plugin, a.value[0].outcome if a.value else None) for a in answers] == expected


def _made(name: str, source: str):
    from types import ModuleType

    from kernel.sdk import Manifest, hookimpl

    module = ModuleType(name)
    module.__dict__.update(
        MANIFEST=Manifest(name=name, version="1", title="t", summary="s", kind="gate"),
        hookimpl=hookimpl,
        Verdict=Verdict,
        Action=Action,
        Decision=Decision,
    )
    exec(source, module.__dict__)
    return name, module
