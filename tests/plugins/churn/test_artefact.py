"""The artefact: plain data that comes back as it was, and is refused when it is anything else."""

from __future__ import annotations

import pickle
from typing import Any

import msgspec
import numpy as np
import pytest

from kernel.sdk import InvalidInput, Trained, clean_orders
from plugins.churn import learners
from plugins.churn.artefact import Churn, decode, encode
from plugins.churn.bgnbd import Rhythm
from plugins.churn.learners import Learned
from plugins.churn.model import MODEL
from plugins.churn.snapshots import columns
from plugins.churn.worth import Worth
from tests.plugins.churn.shop import AS_OF, many

HISTORY = clean_orders(many(60), AS_OF)
WIDE = len(columns())


@pytest.fixture(scope="module")
def churn() -> Churn:
    """A model with every kind of part in it, learned from noise."""
    rng = np.random.default_rng(3)
    x, gone = rng.normal(size=(400, WIDE)), (rng.random(400) < 0.5).astype(float)
    learned = learners.learn(("line", "forest", "boosting"), x, gone, np.ones(400))
    return Churn(
        method="blend",
        horizon=30,
        usual_gap=12.0,
        rhythm=Rhythm(r=1.0, alpha=30.0, a=0.5, b=2.0),
        worth=Worth(value=20.0),
        columns=columns(),
        learned=learned,
    )


def test_comes_back_as_it_was(churn: Churn):
    assert decode(encode(churn)) == churn
    trained = MODEL.train(HISTORY, AS_OF, None)
    assert isinstance(trained, Trained)
    assert encode(decode(trained.artefact)) == trained.artefact
    assert b"c1" not in trained.artefact and len(trained.artefact) < 1_000


def test_it_scores(churn: Churn):
    assert MODEL.score(encode(churn), HISTORY, AS_OF).height


@pytest.mark.parametrize(
    "foreign",
    [b"", b"\x80", b"\x00garbage", b"\x81\xa1a\x01", pickle.dumps({"a": 1}), b"\xc1" * 50],
)
def test_foreign_bytes_are_refused(foreign: bytes):
    with pytest.raises(InvalidInput, match="This is no churn model"):
        MODEL.score(foreign, HISTORY, AS_OF)


def test_every_cut_is_refused(churn: Churn):
    whole = encode(churn)
    for end in np.linspace(0, len(whole) - 1, 60).astype(int):
        with pytest.raises(InvalidInput):
            MODEL.score(whole[:end], HISTORY, AS_OF)


def _line(churn: Churn, **changed: Any) -> Churn:
    assert churn.learned is not None and churn.learned.line is not None
    line = msgspec.structs.replace(churn.learned.line, **changed)
    return msgspec.structs.replace(churn, learned=Learned(line=line))


def _forest(churn: Churn, **changed: Any) -> Churn:
    assert churn.learned is not None and churn.learned.forest is not None
    forest = msgspec.structs.replace(churn.learned.forest, **changed)
    return msgspec.structs.replace(churn, learned=Learned(forest=forest))


BROKEN = {
    "a rate of nothing": {"rhythm": Rhythm(r=0.0, alpha=1.0, a=1.0, b=1.0)},
    "a rhythm that is no number": {"rhythm": Rhythm(r=1.0, alpha=float("nan"), a=1.0, b=1.0)},
    "a pause without end": {"usual_gap": float("inf")},
    "no horizon": {"horizon": 0},
    "a season that is no number": {"shift": float("nan")},
    "money that is no number": {"worth": Worth(value=float("nan"))},
    "other columns": {"columns": ("a", "b")},
    "nothing learned": {"learned": Learned()},
    "a short line": lambda churn: _line(churn, weight=[1.0]),
    "a line that is no number": lambda churn: _line(churn, weight=[float("nan")] * WIDE),
    "a line without scale": lambda churn: _line(churn, scale=[0.0] * WIDE),
    "a bias without end": lambda churn: _line(churn, bias=float("inf")),
    "too many trees": lambda churn: _forest(churn, count=1_000_000),
    "too deep": lambda churn: _forest(churn, depth=40),
    "no trees": lambda churn: _forest(churn, count=0),
    "half the leaves": lambda churn: _forest(churn, leaf=churn.learned.forest.leaf[:400]),
    "odd bytes": lambda churn: _forest(churn, leaf=churn.learned.forest.leaf[:-1]),
    "columns that do not exist": lambda churn: _forest(
        churn, feature=np.full(len(churn.learned.forest.feature) // 2, 999, "<i2").tobytes()
    ),
    "leaves that are no number": lambda churn: _forest(
        churn, leaf=np.full(len(churn.learned.forest.leaf) // 4, np.nan, "<f4").tobytes()
    ),
    "a base that is no number": lambda churn: _forest(churn, base=float("nan")),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_numbers_that_cannot_be_are_refused(churn: Churn, what: str):
    change = BROKEN[what]
    broken = change(churn) if callable(change) else msgspec.structs.replace(churn, **change)
    with pytest.raises(InvalidInput):
        MODEL.score(encode(broken), HISTORY, AS_OF)


def test_types_are_held_to(churn: Churn):
    plain = msgspec.msgpack.decode(encode(churn))
    for name, value in (("horizon", "30"), ("method", 3), ("learned", [1]), ("rhythm", {"r": 1.0})):
        with pytest.raises(InvalidInput):
            MODEL.score(msgspec.msgpack.encode({**plain, name: value}), HISTORY, AS_OF)
