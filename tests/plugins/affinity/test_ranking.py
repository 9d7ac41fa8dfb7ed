"""The best items of each row, against sorting everything."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from plugins.affinity import ranking
from plugins.affinity.ranking import best


def plain(said, base, banned, k):
    rows = []
    for row in range(said.shape[0]):
        scores = said[[row]].toarray()[0] + base
        scores[banned[[row]].toarray()[0] != 0] = -np.inf
        order = np.lexsort((np.arange(scores.size), -np.round(scores, 5)))
        rows.append([int(n) for n in order if np.isfinite(scores[n])][:k])
    return rows


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(1, 30), st.integers(1, 8))
def test_as_sorting_everything_would(seed: int, rows: int, items: int, k: int):
    rng = np.random.default_rng(seed)
    said = sp.random(rows, items, 0.3, "csr", np.float32, random_state=seed)
    said.data = np.round(said.data * 8) / 8 + np.float32(0.125)
    banned = sp.random(rows, items, 0.3, "csr", np.float32, random_state=seed + 1)
    base = np.round(rng.random(items) * 8) / 8
    base[rng.random(items) < 0.1] = -np.inf
    found = best(said, base, banned, k)
    got = [found.filter(row=row)["item"].to_list() for row in range(rows)]
    assert got == plain(said, base, banned, k)
    for row in range(rows):
        assert found.filter(row=row)["rank"].to_list() == list(range(1, len(got[row]) + 1))


def test_in_parts_as_in_one(monkeypatch: pytest.MonkeyPatch):
    said = sp.random(50, 40, 0.2, "csr", np.float32, random_state=1)
    nothing = sp.csr_matrix((50, 40), dtype=np.float32)
    base = np.zeros(40)
    whole = best(said, base, nothing, 5)
    monkeypatch.setattr(ranking, "_ENTRIES", 100)
    assert best(said, base, nothing, 5).equals(whole)
    assert best(said[:0], base, nothing[:0], 5).height == 0


def test_scores_are_told_as_they_are():
    said = sp.csr_matrix(np.array([[0, 0.25, 3.5]], np.float32))
    found = best(said, np.array([0.5, 0, 0]), sp.csr_matrix((1, 3), dtype=np.float32), 3)
    assert found["item"].to_list() == [2, 0, 1]
    assert found["score"].to_list() == pytest.approx([3.5, 0.5, 0.25], abs=1e-6)
