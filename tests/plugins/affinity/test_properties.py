"""What must make no difference: the order of rows, the kind of ids, the server's zone, the future."""

from datetime import timedelta

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from kernel.sdk import clean_orders
from kernel.testing.clock import server_zone
from plugins.affinity.model import MODEL
from tests.plugins.affinity.shop import AS_OF, many
from tests.plugins.alike import alike

RAW = many(40, 15)
quiet = settings(max_examples=12, deadline=None)


def outcome(raw: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Everyone's next order and the completions of some baskets, ids and all as text."""
    history = clean_orders(raw, AS_OF)
    assert history.ids is not None
    found = MODEL.next_order(history, AS_OF, 4, None)
    names = history.ids.gather(found["customer_id"]).cast(pl.String)
    found = found.with_columns(customer_id=names).sort("customer_id", "slot", "rank")
    baskets = pl.DataFrame({"basket_id": [1, 1, 2, 3], "item": ["100", "105", "107", "?"]})
    return found, MODEL.recommend(history, AS_OF, baskets, 5, None)


WHOLE = outcome(RAW)


@quiet
@given(st.integers(0, 10_000))
def test_the_order_of_rows(seed: int):
    assert alike(outcome(RAW.sample(fraction=1, shuffle=True, seed=seed)), WHOLE)


@quiet
@given(st.sets(st.sampled_from(["customer_id", "order_id", "sku"])))
def test_the_kind_of_ids(names: set[str]):
    assert alike(outcome(RAW.with_columns(pl.col(name).cast(pl.String) for name in names)), WHOLE)


@quiet
@given(st.integers(0, 10_000), st.integers(1, 300))
def test_rows_of_the_future(seed: int, count: int):
    drawn = RAW.sample(count, with_replacement=True, seed=seed)
    later = drawn.with_columns(
        pl.lit(AS_OF) + timedelta(hours=seed % 500),
        order_id=pl.int_range(pl.len()) + 10**9,
        sku=pl.col("sku") + seed % 7,
        quantity=pl.lit(seed % 5 + 1, pl.Int64),
        ordered_at=pl.lit(AS_OF) + timedelta(hours=seed % 500),
    ).select(RAW.columns)
    assert alike(
        outcome(pl.concat([RAW, later]).sample(fraction=1, shuffle=True, seed=seed)), WHOLE
    )


def test_what_was_learned_is_the_same_to_the_last_byte():
    trained = [
        MODEL.train(clean_orders(raw, AS_OF), AS_OF, None)
        for raw in (RAW, RAW.reverse(), RAW.filter(pl.col("ordered_at") < AS_OF))
    ]
    assert len({one.artefact for one in trained}) == 1  # type: ignore[union-attr]


def test_the_servers_time_zone():
    with server_zone("Pacific/Auckland"):
        assert alike(outcome(RAW), WHOLE)


@quiet
@given(st.sampled_from(["Asia/Tokyo", "America/New_York", "UTC"]))
def test_moments_with_an_offset(zone: str):
    assert alike(outcome(RAW.with_columns(pl.col("ordered_at").dt.convert_time_zone(zone))), WHOLE)
