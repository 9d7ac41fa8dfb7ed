"""The best items of each row, out of sparse scores, with a score that every item has anyway."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from plugins.affinity.sparse import csr_matrix

RANKED = {"row": pl.Int64, "rank": pl.Int32, "item": pl.Int32, "score": pl.Float64}
SPARE = 100
"""Of items that nothing speaks for, the best k and so many more are looked at in each row."""
_ROWS = 1 << 13
_ENTRIES = 8_000_000
_SPAN = 64.0
_OUT = -1e6


def best(said: Any, base: Any, banned: Any, k: int) -> pl.DataFrame:
    """`row, rank, item, score`: the `k` items of each row with the highest `said + base`.

    Equal scores stand in the order of items, so number them by a rule. An item with a base of minus
    infinity is never taken.

    Args:
        said: csr, rows by items, float32: what speaks for an item in this row, above 0.
        base: by item: what it scores in every row.
        banned: csr, rows by items: not 0 where an item must not be taken.
        k: how many.
    """
    rows = said.shape[0]
    order = np.argsort(-base, kind="stable")
    common = order[np.isfinite(base[order])][: k + SPARE]
    parts = []
    start = 0
    weight = np.cumsum(np.diff(said.indptr) + np.diff(banned.indptr) + common.size)
    while start < rows:
        done = weight[start - 1] if start else 0
        stop = int(np.searchsorted(weight, done + _ENTRIES, "right"))
        stop = min(max(stop, start + 1), start + _ROWS, rows)
        parts.append(_chunk(said[start:stop], base, banned[start:stop], common, k, start))
        start = stop
    return pl.concat(parts) if parts else pl.DataFrame(schema=RANKED)


def _chunk(said: Any, base: Any, banned: Any, common: Any, k: int, first: int) -> pl.DataFrame:
    barred = csr_matrix(
        (np.full(banned.nnz, _OUT, np.float32), banned.indices, banned.indptr), shape=banned.shape
    )
    found = (said + barred).tocoo()
    # Items that every row may take, where nothing spoke for or against them.
    place = np.full(said.shape[1], -1)
    place[common] = np.arange(common.size)
    free = np.ones((said.shape[0], common.size), bool)
    known = place[found.col] >= 0
    free[found.row[known], place[found.col[known]]] = False
    so_far = free.cumsum(1)
    more_row, more = np.nonzero(free & (so_far <= k))
    row = np.concatenate([found.row, more_row]).astype(np.int64)
    item = np.concatenate([found.col, common[more]]).astype(np.int64)
    score = np.concatenate([found.data, np.zeros(more.size)]) + base[item]
    # Where k of these are free, nothing that scores less than the last of them can be taken.
    least = np.full(said.shape[0], _OUT / 2)
    enough = free.sum(1) >= k
    if enough.any():
        least[enough] = base[common[(so_far[enough] >= k).argmax(1)]]
    good = score >= least[row]
    # Row, score (backwards) and item in one whole number: sorting these is fast, and needs no ties.
    level = np.round((_SPAN - np.clip(score[good], -_SPAN, _SPAN)) / (2 * _SPAN) * (2**32 - 1))
    keys = np.sort(row[good] << 50 | level.astype(np.int64) << 18 | item[good])
    row = keys >> 50
    begins = np.searchsorted(row, np.arange(said.shape[0]))
    rank = np.arange(keys.size) - begins[row]
    taken = rank < k
    keys, row, rank = keys[taken], row[taken], rank[taken]
    level = keys >> 18 & 2**32 - 1
    return pl.DataFrame(
        {
            "row": row + first,
            "rank": rank + 1,
            "item": keys & 2**18 - 1,
            "score": _SPAN - level / (2**32 - 1) * 2 * _SPAN,
        },
        schema=RANKED,
    )
