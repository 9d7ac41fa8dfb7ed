"""What is taken into use, what is refused, what is kept and what cannot be read."""

from __future__ import annotations

import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from kernel.contracts.errors import InvalidInput
from kernel.contracts.models import Evaluation, Trained
from kernel.models import artefact
from kernel.models.promote import complaint, verdict
from kernel.models.store import Version

NOW = datetime(2026, 6, 15, tzinfo=UTC)


def found(loss: float, baseline: float | None = 0.5, **more: Any) -> Evaluation:
    simple = {} if baseline is None else {"recency_only": {"log_loss": baseline}}
    facts: dict[str, Any] = {"metrics": {"log_loss": loss}, "baselines": simple, "error": 0.01}
    base = {"model": "m", "version": "1", "as_of": NOW, "horizon_days": 30, "n": 9}
    return Evaluation(**(base | facts | more))


@pytest.mark.parametrize(
    ("new", "old", "judged", "promote", "said"),
    [
        (found(0.40), None, None, True, "0.400; the best simple method, recency alone, has 0.500."),
        (found(0.51), None, None, True, "Log loss 0.510"),  # within two standard errors
        (found(0.53), None, None, False, "Log loss 0.530 is worse than the 0.500 of recency alone."),
        (found(0.40, None), None, None, True, "Log loss 0.400."),
        (found(0.40), found(0.3), {"log_loss": 0.41}, True, "Log loss"),
        (found(0.40), None, {"log_loss": 0.30}, False, "the 0.300 of the model in use on the same days."),
        (found(0.40), found(0.40, 0.6), None, False, "best simple method by 0.100; the model in use did so by 0.200"),
        (found(0.40), found(0.50, 0.6), None, True, "Log loss"),
        # Two windows, each with an error of 0.01: two standard errors of their difference are 0.028.
        (found(0.40), found(0.375), None, True, "Log loss"),
        (found(0.40), found(0.37), None, False, "by 0.100; the model in use did so by 0.130"),
        (found(0.40), found(0.34, error=0.04), None, True, "Log loss"),
        # On the same days both stand on the same customers: nothing is added.
        (found(0.425), found(0.40), {"log_loss": 0.40}, False, "on the same days"),
        (found(0.4, missing=("Ten orders.",)), None, None, True, "without a judgement: Ten orders."),
        (found(0.4, missing=("X.",)), found(0.4), None, False, "cannot be judged any more: X."),
        (found(float("nan")), found(0.4), None, False, "it has no log loss"),
    ],
)  # fmt: skip
def test_verdicts(
    new: Evaluation, old: Evaluation | None, judged: Any, promote: bool, said: str
) -> None:
    told = verdict(new, old, judged)
    assert told.promote is promote and said in told.reason


def test_higher_may_be_better() -> None:
    more = {"metric": "hit_at_10", "lower_is_better": False, "error": 0.001}
    simple = {"popularity": {"hit_at_10": 0.3}}
    good = found(0, metrics={"hit_at_10": 0.4}, **more | {"baselines": simple})
    bad = found(0, metrics={"hit_at_10": 0.2}, **more | {"baselines": simple})
    assert verdict(good).promote and not verdict(bad).promote


def version(state: Any, days: int = 1, number: int = 1) -> Version:
    trained = Trained(
        artefact=b"", method="m", why="w", n=1,
        trained_from=NOW - timedelta(days=400), trained_to=NOW - timedelta(days=days),
    )  # fmt: skip
    return Version(
        model="m", number=number, plugin="m", state=state, reason="Because.", code_version="1/1",
        feature_hash="", made_at=NOW, seconds=1.0, size=1, kept=True, trained=trained, evaluation=None,
    )  # fmt: skip


def test_complaints() -> None:
    used = version("in_use")
    assert complaint(None, None, NOW) == "" and complaint(used, used, NOW) == ""
    assert complaint(version("abstained"), None, NOW) == ""  # never had enough: not ill
    assert "cannot learn any more: Because." in complaint(version("abstained"), used, NOW)
    assert "refused: Because." in complaint(version("refused"), None, NOW)
    assert "Stale" in complaint(used, version("in_use", days=50), NOW)


def test_artefacts_come_back_or_are_refused() -> None:
    kept = artefact.pack("toy", "1", b"plain data" * 1000)
    assert artefact.unpack("toy", "1", kept) == b"plain data" * 1000 and len(kept) < 1000
    changed = bytearray(kept)
    changed[60] ^= 1
    body = zlib.compress(msgspec.msgpack.encode({"model": "toy"}))
    bomb = zlib.compress(bytes(artefact.LARGEST + 10**6))
    for wrong, said in (
        (b"", "no trained model"),
        (b"\x80\x04K\x01.", "no trained model"),  # a pickle is not even looked at
        (kept[:-30], "corrupt"),
        (bytes(changed), "corrupt"),
        (artefact.MAGIC + b"x", "corrupt"),
        (artefact.MAGIC + body, "corrupt"),
        (artefact.MAGIC + bomb, "larger than 64 MB"),
        (artefact.pack("rfm", "1", b""), "of `rfm` version 1, and this is `toy` version 1"),
        (artefact.pack("toy", "2", b""), "of `toy` version 2"),
    ):
        with pytest.raises(InvalidInput, match=said) as caught:
            artefact.unpack("toy", "1", wrong)
        assert "models train --model toy" in caught.value.fix


def test_other_features_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    kept = artefact.pack("toy", "1", b"x")
    monkeypatch.setattr(artefact, "feature_hash", lambda: "other")
    with pytest.raises(InvalidInput, match="features of another version"):
        artefact.unpack("toy", "1", kept)
