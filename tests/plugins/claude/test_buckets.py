"""Kinds of customers: as the README's table says, and never more of them than allowed."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.claude import buckets

SEGMENTS = [*buckets.SEGMENTS, "something else", None]


def crowd(count: int, seed: int = 1) -> list[dict[str, Any]]:
    """Customers of every kind there is."""
    dice = random.Random(seed)
    return [
        {
            "trait:rfm.segment": dice.choice(SEGMENTS),
            "trait:churn.probability": dice.choice([None, dice.random()]),
            "orders_count": dice.randrange(9),
            "days_since_order": dice.choice([None, dice.random() * 400]),
            "mean_gap_days": dice.choice([None, 1 + dice.random() * 90]),
            "days_since_mail": dice.choice([None, dice.random() * 30]),
            "mails_30d": dice.randrange(8),
            "clicks_90d": dice.randrange(3),
            "is_subscriber": dice.random() < 0.7,
            "other_types": dice.choice(["", "upsell", "reengage,upsell"]),
            "planned_type": dice.choice(["", "welcome"]),
        }
        for _ in range(count)
    ]


@pytest.mark.parametrize("most", [100, 250, 500])
def test_never_more_than_allowed_and_nobody_left_out(most: int) -> None:
    known: list[str] = []
    everybody = crowd(20_000)
    for start in range(0, len(everybody), 1000):
        keys, new = buckets.assign(known, everybody[start : start + 1000], most)
        assert len(keys) == 1000
        known += new
        assert set(keys) <= set(known)
    assert len(known) == len(set(known)) <= most


def test_the_same_customers_end_in_the_same_buckets() -> None:
    everybody = crowd(3000)
    assert buckets.assign([], everybody, 500) == buckets.assign([], everybody, 500)


def test_customers_of_a_bucket_are_told_alike() -> None:
    for features in crowd(500):
        for grid in range(len(buckets.GRIDS)):
            facts = buckets.told(features, grid)
            assert buckets.facts_of(buckets.key(facts, grid)) == facts


def test_the_coarsest_grid_always_fits() -> None:
    """Its room is kept free, so that everybody has a bucket however many kinds there are."""
    kinds = {buckets.key(buckets.told(one, 2), 2) for one in crowd(20_000)}
    assert len(kinds) <= 64 <= buckets.COARSE


@settings(max_examples=200)
@given(
    st.dictionaries(
        st.sampled_from(sorted(crowd(1)[0])), st.none() | st.booleans() | st.integers() | st.text()
    )
)
def test_odd_features_have_a_bucket_and_no_text_gets_in(features: dict[str, Any]) -> None:
    features.pop("other_types", None)
    features.pop("planned_type", None)
    [key], new = buckets.assign([], [features], 500)
    assert list(new) == [key]
    assert re.fullmatch(r"[0-2](\|[a-z_]+=[A-Za-z0-9 .,]*)+", key)


@pytest.mark.parametrize(
    ("since", "pause", "band"),
    [
        (None, None, "no order"),
        (10.0, 20.0, "0.5 to 1 of the usual pause"),
        (9.99, 20.0, "under 0.5 of the usual pause"),
        (50.0, 20.0, "over 2.5 of the usual pause"),
        (29.9, None, "under 30 days"),
        (30.0, None, "30 to 90 days"),
    ],
)
def test_rhythm(since: float | None, pause: float | None, band: str) -> None:
    assert buckets.rhythm({"days_since_order": since, "mean_gap_days": pause}) == band


def test_the_readme_tells_the_bands() -> None:
    text = (Path(buckets.__file__).parent / "README.md").read_text("utf-8")
    table = text.partition("## Buckets")[2].partition("\n## ")[0]
    for bands in (buckets.RHYTHM, buckets.DAYS, buckets.CHURN, buckets.ORDERS, buckets.MAILS):
        assert " · ".join(bands[1]) in table
    for name, _ in buckets.GRIDS[0]:
        assert f"`{name}`" in table
