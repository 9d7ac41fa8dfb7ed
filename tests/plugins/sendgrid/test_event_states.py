"""What became of a message is the same whatever the order of what was told, and however often."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plugins.sendgrid.states import Fate, Seen, fate, suppression

DAY = datetime(2026, 6, 15, 10, tzinfo=UTC)
KINDS = [
    "processed", "deferred", "delivered", "bounce", "blocked", "dropped", "spamreport", "unsubscribe",
    "group_unsubscribe", "group_resubscribe", "open", "machine_open", "click", "account_status_change",
    "malformed",
]  # fmt: skip
RANK = ["", "accepted", "rejected", "had it", "delivered", "bounced"]


def rank(end: Fate) -> int:
    """How much is known. Who complained or unsubscribed has had the mail, also one that SendGrid called
    dropped; where nobody told of a delivery it is `accepted` then.
    """
    left = end.complained_at or end.unsubscribed_at
    return RANK.index("had it" if left and end.state == "accepted" else end.state)


@st.composite
def histories(draw: st.DrawFn) -> list[Seen]:
    """Up to twelve events of one message, any kinds at any times."""
    told = draw(st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 500)), max_size=12))
    return [
        Seen(event_id=f"e{n}", kind=kind, at=DAY + timedelta(minutes=minutes))
        for n, (kind, minutes) in enumerate(told)
    ]


def seen(*kinds: str) -> list[Seen]:
    return [Seen(event_id=f"e{n}", kind=kind, at=DAY) for n, kind in enumerate(kinds)]


@given(histories(), st.data())
def test_any_order_and_any_repetition_end_alike(history: list[Seen], data: st.DataObject) -> None:
    again = history + data.draw(st.lists(st.sampled_from(history))) if history else []
    assert fate(data.draw(st.permutations(again))) == fate(history)


@given(histories(), histories())
def test_nothing_goes_back(first: list[Seen], more: list[Seen]) -> None:
    later = [Seen(event_id=f"m{one.event_id}", kind=one.kind, at=one.at) for one in more]
    before, after = fate(first), fate(first + later)
    assert rank(after) >= rank(before)
    assert after.hard >= before.hard
    for name in ("delivered_at", "complained_at", "unsubscribed_at"):
        old, new = getattr(before, name), getattr(after, name)
        assert old is None or (new is not None and new <= old)


@pytest.mark.parametrize(
    ("kinds", "state"),
    [
        ((), ""),
        (("processed",), "accepted"),
        (("delivered", "processed"), "delivered"),
        (("deferred", "deferred", "processed"), "accepted"),
        (("bounce", "delivered"), "bounced"),
        (("dropped", "processed"), "rejected"),
        (("dropped", "delivered"), "delivered"),
        (("machine_open",), "accepted"),
        (("group_resubscribe",), ""),
    ],
)
def test_the_furthest_counts(kinds: tuple[str, ...], state: str) -> None:
    assert fate(seen(*kinds)).state == state


def test_a_soft_bounce_is_soft_until_one_is_for_good() -> None:
    assert not fate(seen("blocked", "deferred")).hard
    assert fate(seen("blocked", "bounce")).hard
    assert fate(seen("blocked", "deferred", "deferred")).counts == {"blocked": 1, "deferred": 2}
    assert fate([]) == Fate()


@pytest.mark.parametrize(
    ("kind", "reason", "ends"),
    [
        ("bounce", "550 no such user", "bounced"),
        ("blocked", "550 5.7.515", None),
        ("deferred", "", None),
        ("spamreport", "", "complained"),
        ("unsubscribe", "", "unsubscribed"),
        ("group_unsubscribe", "", "unsubscribed"),
        ("group_resubscribe", "", None),
        ("dropped", "Bounced Address", "bounced"),
        ("dropped", "Unsubscribed Address", "unsubscribed"),
        ("dropped", "Spam Reporting Address", "complained"),
        ("dropped", "Spam Content (if spam checker app enabled)", None),
        ("dropped", "", None),
        ("open", "", None),
    ],
)
def test_who_must_not_be_written_to_again(kind: str, reason: str, ends: str | None) -> None:
    assert suppression(kind, reason) == ends
