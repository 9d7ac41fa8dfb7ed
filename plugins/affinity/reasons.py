"""Why something is recommended, in words with the counts behind them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from plugins.affinity.learned import Learned

Since = Literal["days", "date"]


def bought(today: int, since: Since) -> pl.Expr:
    """From `days` and `last`: how often, and when the last time."""
    ago = today - pl.col("last")
    unit = pl.when(ago == 1).then(pl.lit("day")).otherwise(pl.lit("days"))
    told = pl.format("{} {} ago", ago, unit)
    if since == "date":
        told = pl.format("on {}", pl.col("last").cast(pl.Date).dt.strftime("%-d %B %Y"))
    several = pl.format("bought {} times, last {}", "days", told)
    once = pl.format("bought once, {}", told)
    return pl.when(pl.col("days") > 1).then(several).otherwise(once)


def because(
    learned: Learned, found: pl.DataFrame, speaking: pl.DataFrame, names: pl.Series
) -> pl.DataFrame:
    """`found` with a `reason`: the product of theirs that speaks loudest, or how popular it is."""
    if found.is_empty():
        return found.with_columns(reason=pl.lit("", pl.String))
    weight, items = learned.links.weight, learned.items
    row, item = found["row"].to_numpy(), found["item"].to_numpy().astype(np.int64)
    begin = np.searchsorted(speaking["row"].to_numpy(), np.stack([row, row + 1]))
    size = begin[1] - begin[0]
    which = np.repeat(np.arange(found.height), size)
    at = np.arange(which.size) - np.repeat(np.cumsum(size) - size, size) + begin[0][which]
    number = speaking["number"].to_numpy()[at].astype(np.int64)
    # Links in the order of their keys: each is found by halving.
    source = np.repeat(np.arange(items, dtype=np.int64), np.diff(weight.indptr))
    keys = source * items + weight.indices
    order = np.argsort(keys, kind="stable")
    wanted = number * items + item[which]
    near = np.minimum(np.searchsorted(keys[order], wanted), max(keys.size - 1, 0))
    hit = keys[order][near] == wanted if keys.size else np.zeros(wanted.size, bool)
    link = order[near[hit]] if keys.size else np.zeros(0, np.int64)
    loud = speaking["voice"].to_numpy()[at[hit]] * weight.data[link]
    spoken = pl.DataFrame(
        {
            "n": which[hit],
            "loud": loud,
            "both": learned.links.both[link],
            "number": number[hit],
        }
    )
    spoken = spoken.sort("n", "loud", "number", descending=[False, True, False])
    spoken = spoken.unique("n", keep="first", maintain_order=True)
    by = pl.DataFrame(
        {
            "n": spoken["n"],
            "said": pl.select(
                pl.format(
                    "{} of {} orders with {} had it too",
                    spoken["both"],
                    pl.Series(learned.orders[spoken["number"].to_numpy()]),
                    names.gather(spoken["number"]),
                )
            ).to_series(),
        }
    )
    numbered = found.with_columns(n=pl.int_range(pl.len(), dtype=pl.Int64))
    joined = numbered.join(by, on="n", how="left", maintain_order="left")
    return joined.with_columns(reason=pl.coalesce("said", popularity(learned, item)))


def popularity(learned: Learned, items: Any) -> pl.Series:
    """Of each product number, how popular it is, in words."""
    recent, season = pl.Series(learned.recent[items]), pl.Series(learned.season[items])
    ever = pl.Series(learned.orders[items])
    orders = pl.Series(["order", "orders"], dtype=pl.String)
    words = {n: orders.gather((c != 1).cast(pl.UInt32)) for n, c in (("r", recent), ("s", season), ("e", ever))}  # fmt: skip
    frame = pl.DataFrame({"recent": recent, "season": season, "ever": ever, **words})
    return frame.select(
        pl.when(pl.col("season") > pl.col("recent"))
        .then(pl.format("popular at this time of year: {} {} a year ago", "season", "s"))
        .when(pl.col("recent") > 0)
        .then(pl.format("popular now: {} {} in 30 days", "recent", "r"))
        .otherwise(pl.format("popular here: {} {} so far", "ever", "e"))
    ).to_series()
