"""What must make no difference: the order of rows, the kind of ids, the server's zone, the future."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.sdk import Trained, clean_orders
from kernel.testing.clock import server_zone
from kernel.testing.models import check_model
from plugins.churn.manifest import ChurnSettings
from plugins.churn.model import MODEL
from tests.plugins.alike import alike
from tests.plugins.churn.shop import AS_OF, many

RAW = many(70, after=30)
quiet = settings(max_examples=8, deadline=None)


def outcome(raw: pl.DataFrame) -> tuple[bytes, pl.DataFrame]:
    """What was learned, and everyone's traits by their id as text."""
    history = clean_orders(raw, AS_OF)
    trained = MODEL.train(history, AS_OF, None)
    assert isinstance(trained, Trained) and history.ids is not None
    scores = MODEL.score(trained.artefact, history, AS_OF)
    names = history.ids.gather(scores["customer_id"]).cast(pl.String)
    return trained.artefact, scores.with_columns(customer_id=names).sort("customer_id")


WHOLE = outcome(RAW)


def test_keeps_the_contract_of_models():
    check_model(MODEL, ChurnSettings())


@quiet
@given(st.integers(0, 10_000))
def test_the_order_of_rows(seed: int):
    assert alike(outcome(RAW.sample(fraction=1, shuffle=True, seed=seed)), WHOLE)


@quiet
@given(st.sets(st.sampled_from(["customer_id", "order_id"]), min_size=1))
def test_the_kind_of_ids(names: set[str]):
    assert alike(outcome(RAW.with_columns(pl.col(name).cast(pl.String) for name in names)), WHOLE)


@quiet
@given(st.integers(1, 1_000_000))
def test_other_ids(shift: int):
    """Under other numbers, in another order, everybody has the same traits."""
    other = RAW.with_columns(customer_id=(pl.col("customer_id") * 7919 + shift) % 1_000_003)
    artefact, scores = outcome(other)
    back = {
        str(new): str(old)
        for old, new in zip(RAW["customer_id"], other["customer_id"], strict=True)
    }
    named = scores.with_columns(pl.col("customer_id").replace_strict(back)).sort("customer_id")
    assert alike((artefact, named), WHOLE)


@quiet
@given(st.integers(0, 10_000), st.integers(1, 200))
def test_rows_of_the_future(seed: int, count: int):
    drawn = RAW.sample(count, with_replacement=True, seed=seed)
    later = drawn.with_columns(
        order_id=pl.int_range(pl.len()) + 10**9,
        customer_id=pl.col("customer_id") + 50 * (seed % 3),
        ordered_at=pl.lit(AS_OF) + timedelta(hours=seed % 900),
        amount=pl.col("amount") * (1 if seed % 2 else -1000),
    ).select(RAW.columns)
    assert alike(
        outcome(pl.concat([RAW, later]).sample(fraction=1, shuffle=True, seed=seed)), WHOLE
    )


def test_what_never_happened_yet():
    assert alike(outcome(RAW.filter(pl.col("ordered_at") < AS_OF)), WHOLE)


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
def test_the_servers_time_zone(zone: str):
    with server_zone(zone):
        assert alike(outcome(RAW), WHOLE)


@quiet
@given(st.sampled_from(["Asia/Tokyo", "America/New_York", "UTC"]))
def test_moments_with_an_offset(zone: str):
    assert alike(outcome(RAW.with_columns(pl.col("ordered_at").dt.convert_time_zone(zone))), WHOLE)
