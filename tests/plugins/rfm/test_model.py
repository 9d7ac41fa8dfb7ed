"""The model `rfm` on made-up shops."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest

from kernel.sdk import Abstained, InvalidInput, Trained, clean_orders
from kernel.testing.models import AS_OF, shop
from plugins.rfm.model import MODEL, SCORE, SEGMENT

HISTORY = clean_orders(shop(150), AS_OF)


def test_names_stand_for_value():
    found, table = MODEL.evaluate(HISTORY, AS_OF - timedelta(days=30), 30, None)
    assert table.columns == ["customer_id", "segment", "rank", "r", "f", "m"]
    assert [row["name"] for row in found.facts["segments"]] == [
        "Champions", "Loyal", "Promising", "At Risk", "Lost",
    ]  # fmt: skip
    assert found.metrics["smallest"] >= 0.03 and found.metrics["stability"] > 0.5
    assert found.metrics["explained"] > found.baselines["kmeans_raw"]["explained"]
    best = table.group_by("rank").agg(pl.col("f").mean()).sort("rank")["f"]
    assert best[0] > best[-1]


def test_what_was_trained_scores_everyone():
    trained = MODEL.train(HISTORY, AS_OF, None)
    assert isinstance(trained, Trained)
    scores = MODEL.score(trained.artefact, HISTORY, AS_OF)
    known = HISTORY.orders.filter(pl.col("ordered_at") < AS_OF)["customer_id"].n_unique()
    assert scores.height == known == trained.n
    assert scores[SCORE].is_between(3, 15).all()
    assert set(scores[SEGMENT]) == {"Champions", "Loyal", "Promising", "At Risk", "Lost"}
    shares = [row["share"] for row in trained.facts["segments"]]
    assert sum(shares) == pytest.approx(1, abs=0.001)


def test_nobody_is_too_few():
    found = MODEL.train(clean_orders(shop(3).clear(), AS_OF), AS_OF, None)
    assert isinstance(found, Abstained) and "there is none" in found.missing[0]


@pytest.mark.parametrize("foreign", [b"", b"\x00", b"\x81\xa1a\x01"])
def test_foreign_artefacts_are_refused(foreign: bytes):
    with pytest.raises(InvalidInput, match="segmentation"):
        MODEL.score(foreign, HISTORY, AS_OF)
