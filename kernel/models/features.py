"""The feature frame: what is known of each customer strictly before `as_of`, one row a customer.

One definition for models, deciders and `why`; docs/models.md is made from FEATURES. Sums are made of
whole cents and whole days, so that the order of rows cannot change a last digit. The rows stand in an
order that depends on their contents alone and is as good as shuffled: equal data under other ids is
the same matrix, and the first n rows are a fair sample.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from weakref import WeakKeyDictionary
from zoneinfo import ZoneInfo

import polars as pl

from kernel.contracts.base import Frozen, digest
from kernel.contracts.models import History

FEATURES_VERSION = 3
"""Goes up when a feature changes its meaning; kept in every decision record and artefact."""

WINDOWS = (30, 60, 90, 180, 365)
_DAY = 86_400_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC).toordinal()
_SEED = 20_261_124
_kept: WeakKeyDictionary[History, tuple[datetime, pl.DataFrame]] = WeakKeyDictionary()
"""The frame at the latest moment asked for, as long as the history lives: at night every model asks for
it, and some of them twice."""


class Feature(Frozen):
    """A column of the frame."""

    name: str
    unit: str
    meaning: str
    missing: str = ""
    """When it is null; empty: never."""


def _windows() -> list[Feature]:
    found = []
    for days in WINDOWS:
        found += [
            Feature(name=f"order_days_{days}d", unit="days", meaning=f"days with an order in the last {days} days"),
            Feature(name=f"spent_{days}d", unit="money", meaning=f"amount of orders in the last {days} days"),
        ]  # fmt: skip
    return found


_ONE = "fewer than two days with an order"
FEATURES: tuple[Feature, ...] = (
    Feature(name="days_since_order", unit="days", meaning="since the last order, with fractions"),
    Feature(name="days_since_first_order", unit="days", meaning="since the first order"),
    Feature(name="orders_count", unit="orders", meaning="orders ever"),
    Feature(name="order_days", unit="days", meaning="days of the shop's calendar with an order"),
    Feature(name="total_spent", unit="money", meaning="orders less returns, not below 0"),
    Feature(name="average_order_value", unit="money", meaning="total_spent, by orders_count"),
    Feature(name="first_order_value", unit="money", meaning="amount of the first order day"),
    Feature(name="last_order_value", unit="money", meaning="amount of the last order day"),
    Feature(name="max_order_value", unit="money", meaning="the largest order"),
    Feature(name="units_count", unit="pieces", meaning="pieces ordered ever"),
    Feature(name="lines_count", unit="lines", meaning="order lines ever"),
    Feature(name="mean_gap_days", unit="days", meaning="mean pause between order days", missing=_ONE),
    Feature(
        name="gap_std_days", unit="days", meaning="how much the pauses differ: their standard deviation",
        missing="fewer than three days with an order",
    ),
    Feature(name="last_gap_days", unit="days", meaning="the last pause between order days", missing=_ONE),
    Feature(
        name="overdue_ratio", unit="ratio", meaning="days_since_order, by mean_gap_days", missing=_ONE
    ),
    Feature(
        name="order_days_per_30d", unit="days", meaning="order days per 30 days since the first order"
    ),
    *_windows(),
    Feature(
        name="order_days_season", unit="days",
        meaning="order days in the 90 days that began a year before: last year's coming season",
    ),
    Feature(name="returns_count", unit="returns", meaning="returns ever"),
    Feature(name="returned_share", unit="share", meaning="amount of returns, by amount of orders"),
    Feature(name="mails_30d", unit="mails", meaning="mails sent to them in the last 30 days, unless asked for"),
    Feature(name="clicks_90d", unit="clicks", meaning="mails they clicked in, in the last 90 days"),
    Feature(
        name="days_since_mail", unit="days", meaning="since the last mail that was not asked for", missing="no mail yet"
    ),
)  # fmt: skip
"""Names, units and meaning; in the order of the frame's columns."""

Extra = Callable[[History, datetime], pl.DataFrame]
"""Further features of a plugin: `customer_id` and columns, from what happened before the moment. Whom it
leaves out gets nulls."""


def feature_hash(names: Sequence[str] = ()) -> str:
    """The mark of this frame's meaning (and of further columns `names`), kept with each artefact."""
    return digest([FEATURES_VERSION, [f.name for f in FEATURES], sorted(names)])[:16]


def features(
    history: History, as_of: datetime, extra: Sequence[Extra] = (), names: Sequence[str] = ()
) -> pl.DataFrame:
    """`customer_id` and the columns FEATURES, for everyone who ordered before `as_of`.

    Args:
        history: only its orders and mails are read.
        as_of: aware; what happened at or after it is not seen.
        extra: functions whose columns are added; their names must be new.
        names: only these of FEATURES, where a few will do: three cost a quarter of all. The order of the
            rows then depends on these alone.
    """
    if names:
        frame = _shuffled(_all(history, as_of, names=names))
        return _with(frame, history, as_of, extra) if extra else frame
    kept = _kept.get(history)
    if kept is None or kept[0] != as_of:
        frame = _frame(history, as_of)
        if kept is None or kept[0] < as_of:
            _kept[history] = (as_of, frame)
    else:
        frame = kept[1]
    return _with(frame, history, as_of, extra) if extra else frame


def _with(
    frame: pl.DataFrame, history: History, as_of: datetime, extra: Sequence[Extra]
) -> pl.DataFrame:
    for function in extra:
        frame = frame.join(function(history, as_of), on="customer_id", how="left")
    return _shuffled(frame)


def features_of(history: History, as_of: datetime, customer_ids: Sequence[int]) -> pl.DataFrame:
    """The same columns for exactly these customers, whether they ever ordered or not; who did not has
    nulls where it takes an order to know.
    """
    return _all(
        history, as_of, pl.LazyFrame({"customer_id": customer_ids}, {"customer_id": pl.Int64})
    )


def _frame(history: History, as_of: datetime) -> pl.DataFrame:
    return _shuffled(_all(history, as_of))


def _all(
    history: History,
    as_of: datetime,
    people: pl.LazyFrame | None = None,
    names: Sequence[str] = (),
) -> pl.DataFrame:
    orders = history.orders.lazy().filter(pl.col("ordered_at") < as_of)
    mails = history.mails.lazy().filter(pl.col("at") < as_of)
    bought = _bought(orders.filter(~pl.col("is_return")), as_of, history.timezone)
    if people is not None:
        bought = people.join(bought, on="customer_id", how="left", maintain_order="left")
    return (
        bought.join(_returned(orders.filter("is_return")), on="customer_id", how="left")
        .join(_mailed(mails, as_of), on="customer_id", how="left")
        .with_columns(pl.col("returns_count", "mails_30d", "clicks_90d", "returned").fill_null(0))
        .with_columns(
            total_spent=_money((pl.col("bought") + pl.col("returned")).clip(0)),
            returned_share=pl.when(pl.col("bought") > 0)
            .then(-pl.col("returned") / pl.col("bought"))
            .otherwise(0.0),
        )
        .with_columns(average_order_value=pl.col("total_spent") / pl.col("orders_count"))
        .select("customer_id", *(f.name for f in FEATURES if not names or f.name in names))
        .with_columns(pl.selectors.unsigned_integer().cast(pl.Int32))
        .collect(engine="streaming")
    )


def _shuffled(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(pl.struct(pl.exclude("customer_id")).hash(_SEED))


def days(ordered_at: str, timezone: str) -> pl.Expr:
    """The number of the calendar day in `timezone` on which the moment in this column lies."""
    if timezone == "UTC":
        return (pl.col(ordered_at).to_physical() // _DAY).cast(pl.Int32)
    return pl.col(ordered_at).dt.convert_time_zone(timezone).dt.date().to_physical()


def _bought(orders: pl.LazyFrame, as_of: datetime, timezone: str) -> pl.LazyFrame:
    at, today = _micros(as_of), _day_of(as_of, timezone)
    # Sorted by customer and time (History says so): the first is the earliest, the row before the last.
    rows = orders.select(
        "customer_id",
        "units",
        "lines",
        t=pl.col("ordered_at").to_physical(),
        day=days("ordered_at", timezone),
        cents=_cents(),
    )
    pause = pl.col("day") - pl.col("day").shift(1)
    known = pl.col("customer_id") == pl.col("customer_id").shift(1)
    rows = rows.with_columns(pause=pl.when(known).then(pause).otherwise(-1))
    new_day = pl.col("pause") != 0  # several orders of one day make one order day
    paused = pl.col("pause").clip(0).cast(pl.Int64)
    sums = [
        pl.len().alias("orders_count"),
        new_day.sum().alias("order_days"),
        pl.col("t").first().alias("first"),
        pl.col("t").last().alias("last"),
        (pl.col("day").last() - pl.col("day").first()).alias("span"),
        (paused * paused).sum().alias("squares"),
        pl.col("pause").filter(pl.col("pause") > 0).last().alias("last_gap_days"),
        pl.col("cents").sum().alias("bought"),
        _money(pl.col("cents").first()).alias("first_order_value"),
        _money(pl.col("cents").last()).alias("last_order_value"),
        _money(pl.col("cents").max()).alias("max_order_value"),
        pl.col("units").cast(pl.Int64).sum().alias("units_count"),
        pl.col("lines").sum().alias("lines_count"),
        (new_day & pl.col("day").is_between(today - 365, today - 276))
        .sum()
        .alias("order_days_season"),
    ]
    for window in WINDOWS:
        inside = pl.col("t") >= at - window * _DAY
        sums += [
            (inside & new_day).sum().alias(f"order_days_{window}d"),
            _money((pl.col("cents") * inside).sum()).alias(f"spent_{window}d"),
        ]
    gaps = pl.col("order_days") - 1
    mean = pl.when(gaps > 0).then(pl.col("span") / gaps)
    spread = (pl.col("squares") / gaps - mean * mean).clip(0).sqrt()
    since, ever = _days(at - pl.col("last")), _days(at - pl.col("first"))
    return (
        rows.group_by("customer_id")
        .agg(sums)
        .with_columns(
            days_since_order=since,
            days_since_first_order=ever,
            mean_gap_days=mean,
            gap_std_days=pl.when(gaps > 1).then(spread),
            overdue_ratio=since / mean,
            order_days_per_30d=pl.col("order_days") * 30 / ever.clip(1),
        )
    )


def _returned(orders: pl.LazyFrame) -> pl.LazyFrame:
    return orders.group_by("customer_id").agg(returns_count=pl.len(), returned=_cents().sum())


def _mailed(mails: pl.LazyFrame, as_of: datetime) -> pl.LazyFrame:
    sent = pl.col("kind") == "sent"

    def recent(days: int) -> pl.Expr:
        return pl.col("at") > as_of - timedelta(days=days)

    last = pl.col("at").filter(sent).max().to_physical()
    return mails.group_by("customer_id").agg(
        mails_30d=(sent & recent(30)).sum(),
        clicks_90d=(~sent & recent(90)).sum(),
        days_since_mail=_days(_micros(as_of) - last),
    )


def _cents() -> pl.Expr:
    return (pl.col("amount").fill_null(0) * 100).round().cast(pl.Int64)


# Polars divides a column by a constant as a product with its inverse, but a single row it divides: the
# last digit would depend on how many rows there are.
def _money(cents: pl.Expr) -> pl.Expr:
    return (cents * 0.01).round(2)


def _days(micros: pl.Expr) -> pl.Expr:
    return micros * (1 / _DAY)


def _micros(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


def _day_of(moment: datetime, timezone: str) -> int:
    return moment.astimezone(ZoneInfo(timezone)).date().toordinal() - _EPOCH
