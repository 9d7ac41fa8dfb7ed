"""Guardrails hold for any decider and any plugin: nothing grows, no offer without its grant."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.contracts.decisions import Action, Change, Decision, Grant, Guarded, Option
from kernel.contracts.offers import offer_of
from kernel.pipeline import guard
from kernel.testing.clock import START
from tests.kernel.pipeline.world import given_frame

if TYPE_CHECKING:
    from collections.abc import Callable

PLUGINS = {"warden"}
FRAME = given_frame(holdout_percent=30.0)
TONES = st.sampled_from(["friendly", "plain", "urgent", "shouting", ""])
OFFERS = st.sampled_from(
    ["", "percent/5", "percent/10", "percent/20", "percent/90", "amount/5", "free", "percent/-1"]
)
MOMENTS = st.one_of(
    st.none(),
    st.integers(-100, 400).map(lambda hours: START + timedelta(hours=hours)),
    st.just(START.replace(tzinfo=None)),
)
ACTIONS = st.builds(
    lambda send, kind, tone, offer, at: Action(
        send=send, campaign_type=kind, tone=tone, offer=offer, send_at=at
    ),
    st.booleans(), st.sampled_from(["first", "second", ""]), TONES, OFFERS, MOMENTS,
)  # fmt: skip
ASKED = ACTIONS.filter(lambda a: a.send_at is None or a.send_at.tzinfo is not None)
NAMES = st.sampled_from(["warden", "kernel", "somebody"])
GRANTS = st.builds(
    lambda plugin, offer, at: Grant(plugin=plugin, offer=offer, expires_at=at),
    NAMES, OFFERS, MOMENTS,
)  # fmt: skip
CHANGES = st.builds(
    lambda plugin, asked, allowed: Change(
        plugin=plugin, guardrail="g", asked=asked, allowed=allowed, reason="r\0"
    ),
    NAMES, ACTIONS, ACTIONS,
)  # fmt: skip


def decided(action: Action) -> Decision:
    return Decision(
        chosen=action,
        options=(Option(action=action, probability=1.0),),
        reasons=("I want it all.",),
        policy="greedy/1",
    )


def send(tone: str = "friendly", offer: str = "", **fields: Any) -> Action:
    return Action(send=True, campaign_type="first", tone=tone, offer=offer, **fields)


def narrow(
    action: Action, change: Callable[[Guarded], Guarded] = lambda one: one, **fields: Any
) -> Guarded:
    frame = given_frame(**fields)
    before = guard.guard(frame, 1, decided(action))
    return guard.settle(frame, before, change(before), PLUGINS)


@settings(max_examples=1000, deadline=None)
@given(
    asked=ASKED,
    customer=st.integers(1, 40),
    action=ACTIONS,
    other=ASKED,
    changes=st.lists(CHANGES, max_size=3),
    keep=st.booleans(),
    grant=st.one_of(st.none(), GRANTS),
    held=st.booleans(),
)
def test_nobody_gets_more_than_was_asked_possible_and_granted(
    asked: Action, customer: int, action: Action, other: Action, changes: list[Change],
    keep: bool, grant: Grant | None, held: bool,
) -> None:  # fmt: skip
    before = guard.guard(FRAME, customer, decided(asked))
    adversary = Guarded(
        decision=decided(other),
        action=action,
        changes=(*(before.changes if keep else ()), *changes),
        held_out=held,
        grant=grant,
    )
    after = guard.settle(FRAME, before, adversary, PLUGINS)
    final = after.action
    assert after.decision == before.decision  # what was asked is kept
    assert after.changes[: len(before.changes)] == before.changes
    assert after.held_out == before.held_out
    if guard.held_out("alpha", customer, 30.0):
        assert not final.send
    if not final.send:
        assert after.grant is None
        if before.action.send:
            assert not final.offer
        return
    assert asked.send and before.action.send
    assert final.campaign_type == "first" and final.tone in ("friendly", "plain", "urgent")
    assert final.send_at is None or (
        FRAME.now <= final.send_at < FRAME.expires_at  # type: ignore[operator]
    )
    if before.action.send_at is not None:
        assert final.send_at is not None and final.send_at >= before.action.send_at
    if final.offer:
        assert after.grant is not None and after.grant.plugin == "warden"
        assert after.grant.offer == final.offer
        given_, wanted = offer_of(final.offer), offer_of(asked.offer)
        assert given_ and wanted and given_.kind == wanted.kind and given_.value <= wanted.value
        assert wanted.name in ("percent/10", "percent/20")
    else:
        assert after.grant is None
    if final.tone == "urgent":
        assert final.offer and after.grant and after.grant.expires_at
        assert after.grant.expires_at > FRAME.now and before.action.tone == "urgent"
    # Every step from what was asked to what is allowed is told.
    if final != asked:
        assert after.changes[-1].allowed == final
    msgspec.json.encode(after)


def test_what_is_not_possible_is_a_breach_and_the_customer_keeps_what_is() -> None:
    wild = narrow(send("friendly", "percent/90"))
    assert wild.action == send("friendly")
    [change] = wild.changes
    assert (change.guardrail, change.breach) == ("possible_actions", True)
    assert narrow(send("urgent")).action == send("friendly")
    assert narrow(send("shouting")).action == guard.NOTHING
    other = msgspec.structs.replace(send(), campaign_type="second")
    assert narrow(other).action == guard.NOTHING


def test_a_time_to_send_that_cannot_be_kept() -> None:
    past = narrow(send(send_at=START - timedelta(hours=1)))
    assert past.action == send() and past.changes[0].guardrail == "send_time"
    late = narrow(send(send_at=START + timedelta(days=8)))
    assert not late.action.send and "too late" in late.changes[0].reason
    kept = narrow(send(send_at=START + timedelta(days=2)))
    assert kept.action.send_at == START + timedelta(days=2) and not kept.changes


def test_a_grant_is_for_exactly_one_offer() -> None:
    def grants(offer: str, **fields: Any) -> Callable[[Guarded], Guarded]:
        return lambda one: msgspec.structs.replace(
            one, grant=Grant(plugin="warden", offer=offer, **fields)
        )

    granted = narrow(send("friendly", "percent/10"), grants("percent/10"))
    assert granted.action.offer == "percent/10" and granted.grant and not granted.changes
    for refused in (
        narrow(send("friendly", "percent/10"), grants("percent/20")),
        narrow(send("friendly", "percent/10")),
    ):
        assert refused.action == send("friendly") and refused.grant is None
        assert refused.changes[-1].guardrail == "no_grant"
    endless = narrow(send("urgent", "percent/10"), grants("percent/10"))
    assert endless.action == send("friendly", "percent/10") and endless.grant
    assert endless.changes[-1].guardrail == "urgency"
    ends = grants("percent/10", expires_at=START + timedelta(days=3))
    assert narrow(send("urgent", "percent/10"), ends).action.tone == "urgent"
    # Without its offer, nothing is urgent any more.
    assert narrow(send("urgent", "percent/20"), ends).action == send("friendly")


def test_what_a_guardrail_did_not_tell_is_told() -> None:
    silent = narrow(send(), lambda one: msgspec.structs.replace(one, action=guard.NOTHING))
    assert not silent.action.send
    assert [change.guardrail for change in silent.changes] == ["untold"]
