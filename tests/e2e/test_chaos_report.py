"""The judge of chaos is judged: each thing that must not be is seen where it is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from kernel.pipeline.campaigns import Law
from tests.e2e.chaos.oracle import TAKEN, fate
from tests.e2e.chaos.report import AFTER_THE_LAST, ALL_TOLD, DAYS_LATER, Moment, Report

LAW = Law(
    audience=4,
    sent=2,
    skipped=0,
    suppressed=1,
    capped=0,
    held_out=0,
    deferred=0,
    failed=1,
    unknown=0,
    waiting=0,
    holds=True,
)


def good() -> Report:
    """Four messages: taken and told; lost but taken and told; lost and never taken; who left."""
    before = {"a": "accepted", "b": "unknown", "c": "unknown", "d": "suppressed"}
    told = {**before, "a": "delivered", "b": "bounced"}
    report = Report(channel="sendgrid", count=4, seed=1, taken=TAKEN, finished=True)
    report.left = {"d": "erased"}
    report.told = {"a": "delivered", "b": "bounced"}
    for name, states in (
        (AFTER_THE_LAST, before),
        (ALL_TOLD, told),
        (DAYS_LATER, {**told, "c": "rejected"}),
    ):
        report.moments.append(Moment(name=name, law=LAW, states=states, book={"a": 1, "b": 1}))
    return report


def change(report: Report, moment: int, **states: str) -> None:
    report.moments[moment].states |= states


def book(report: Report, moment: int, **times: int) -> None:
    report.moments[moment].book |= times


def test_all_is_well() -> None:
    report = good()
    assert report.problems() == {}
    said = str(report)
    assert "1 never accepted by its book, in the end rejected" in said
    assert "1 accepted by its book, in the end bounced" in said
    assert "erased 1; 0 of them got something" in said


@pytest.mark.parametrize(
    ("break_it", "said"),
    [
        (lambda one: book(one, 2, a=2), "accepted twice"),
        (lambda one: book(one, 2, d=1), "written to after leaving"),
        (lambda one: book(one, 2, c=1), "sent after the end"),
        (lambda one: change(one, 0, a="rejected"), "the ledger says that it is not"),
        (lambda one: change(one, 1, b="unknown"), f"not where it was told to be, {ALL_TOLD}"),
        (lambda one: change(one, 2, b="rejected"), f"not where it was told to be, {DAYS_LATER}"),
        (lambda one: change(one, 1, c="accepted"), f"and never was, {ALL_TOLD}"),
        (lambda one: change(one, 2, c="unknown"), "still open"),
        (lambda one: setattr(one, "finished", False), "has no end"),
        (
            lambda one: setattr(one.moments[1], "law", msgspec.structs.replace(LAW, holds=False)),
            "the law does not hold",
        ),
    ],
)
def test_what_must_not_be_is_seen(break_it: Any, said: str) -> None:
    report = good()
    break_it(report)
    assert [name for name in report.problems() if said in name]


def test_where_mail_ends() -> None:
    assert fate(("processed", "deferred", "delivered", "open", "async_bounce")) == "bounced"
    assert fate(("processed", "delivered", "spamreport")) == "delivered"
    assert fate(("dropped",)) == "rejected"
