"""What must make no difference to a segment: order of rows, kind of ids, the server's zone, the future."""

from __future__ import annotations

from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.sdk import Trained, clean_orders
from kernel.testing.clock import server_zone
from kernel.testing.models import AS_OF, shop
from plugins.rfm.model import MODEL
from tests.plugins.alike import alike

RAW = shop(70, seed=9)
quiet = settings(max_examples=12, deadline=None)


def outcome(raw: pl.DataFrame) -> tuple[pl.DataFrame, bytes]:
    """Everyone's traits, ids as text; and the artefact."""
    history = clean_orders(raw, AS_OF)
    trained = MODEL.train(history, AS_OF, None)
    assert isinstance(trained, Trained) and history.ids is not None
    found = MODEL.score(trained.artefact, history, AS_OF)
    names = history.ids.gather(found["customer_id"]).cast(pl.String)
    return found.with_columns(customer_id=names).sort("customer_id"), trained.artefact


WHOLE = outcome(RAW)


@quiet
@given(st.integers(0, 10_000))
def test_the_order_of_rows(seed: int):
    assert alike(outcome(RAW.sample(fraction=1, shuffle=True, seed=seed)), WHOLE)


@quiet
@given(st.sets(st.sampled_from(["customer_id", "sku"])), st.integers(0, 10_000))
def test_the_kind_of_ids(names: set[str], seed: int):
    texts = RAW.with_columns(pl.col(name).cast(pl.String) for name in names)
    assert alike(outcome(texts.sample(fraction=1, shuffle=True, seed=seed)), WHOLE)


@quiet
@given(st.integers(1, 10**9))
def test_other_ids_carry_the_same_segments(step: int):
    found, artefact = outcome(RAW.with_columns(customer_id=(70 - pl.col("customer_id")) * step))
    assert artefact == WHOLE[1]
    back = 70 - found["customer_id"].cast(pl.Int64) // step
    assert alike(
        (found.with_columns(customer_id=back.cast(pl.String)).sort("customer_id"), artefact), WHOLE
    )


@quiet
@given(st.integers(0, 10_000), st.integers(1, 300))
def test_rows_of_the_future(seed: int, count: int):
    drawn = RAW.sample(count, with_replacement=True, seed=seed)
    later = drawn.with_columns(
        ordered_at=pl.lit(AS_OF) + timedelta(hours=seed % 900),
        order_id=pl.lit("later") + pl.int_range(pl.len()).cast(pl.String),
        unit_price=pl.lit(float(seed % 997 + 1)),
    )
    assert alike(
        outcome(pl.concat([RAW, later]).sample(fraction=1, shuffle=True, seed=seed)), WHOLE
    )


@quiet
@given(st.sampled_from(["Asia/Tokyo", "America/New_York", "Pacific/Auckland", "UTC"]))
def test_moments_with_an_offset_and_the_servers_zone(zone: str):
    with server_zone(zone):
        moved = RAW.with_columns(pl.col("ordered_at").dt.convert_time_zone(zone))
        assert alike(outcome(moved), WHOLE)


@quiet
@given(st.lists(st.integers(0, 69), min_size=1, max_size=20, unique=True))
def test_who_is_scored_alone_gets_the_same(some: list[int]):
    """As the framework does for who ordered since the last night."""
    history = clean_orders(RAW.filter(pl.col("customer_id").is_in(some)), AS_OF)
    assert history.ids is not None
    found = MODEL.score(WHOLE[1], history, AS_OF)
    names = history.ids.gather(found["customer_id"]).cast(pl.String)
    found = found.with_columns(customer_id=names).sort("customer_id")
    assert found.equals(
        WHOLE[0].filter(pl.col("customer_id").is_in(found["customer_id"].implode()))
    )
