"""Real baskets, where the folder of real data is at hand; more of it in bench/affinity.py."""

import numpy as np
import pytest

from bench.affinity import FLOOR, groceries, judge, shared


@pytest.mark.skipif(shared() is None, reason="no real data: set MAILWRIGHT_SHARED_DATA")
def test_groceries_beat_the_floor_and_popularity():
    folder = shared()
    assert folder is not None
    runs = [judge(*groceries(folder, seed), seed) for seed in range(3)]
    ours, popularity, confidence = (
        np.mean([run[name] for run in runs], axis=0)
        for name in ("ours", "popularity", "largest confidence")
    )
    assert ours[2] > FLOOR["Groceries"][0] and ours[2] < 0.5
    assert (ours > popularity).all() and (ours > confidence).all()
