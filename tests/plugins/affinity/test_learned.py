"""The artefact: plain data that comes back as it was, and is refused when it is anything else."""

import pickle

import msgspec
import numpy as np
import pytest

from kernel.sdk import InvalidInput, clean_orders
from plugins.affinity.fit import fit
from plugins.affinity.learned import Kept, decode
from tests.plugins.affinity.shop import AS_OF, many, shop


@pytest.fixture(scope="module")
def artefact() -> bytes:
    found = fit(clean_orders(many(), AS_OF), AS_OF, quiet_days=12.0)
    assert found is not None
    return found.encode()


def test_comes_back_as_it_was(artefact: bytes):
    found = decode(artefact)
    assert found.encode() == artefact
    assert found.quiet_days == 12.0 and found.links.weight.nnz > 0
    assert found.orders.dtype == np.int32 and found.popular.max() == 1


@pytest.mark.parametrize(
    "change",
    [
        {"orders": b"123"},
        {"weight": b""},
        {"skus": ("only", "two")},
        {"target": None},
        {"start": None},
        {"bias": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_parts_that_do_not_fit_are_refused(artefact: bytes, change: dict):
    kept = msgspec.msgpack.decode(artefact, type=Kept)
    broken = {
        "target": np.full(len(kept.target) // 4, 10_000, "<i4").tobytes(),
        "start": np.frombuffer(kept.start, "<i4")[::-1].tobytes(),
        "bias": np.full(len(kept.skus), np.nan, "<f4").tobytes(),
    }
    changed = {name: broken[name] if value is None else value for name, value in change.items()}
    with pytest.raises(InvalidInput, match="cannot be read"):
        decode(msgspec.msgpack.encode(msgspec.structs.replace(kept, **changed)))


@pytest.mark.parametrize(
    "foreign", [b"", b"\x80", pickle.dumps({"a": 1}), msgspec.msgpack.encode([1])]
)
def test_foreign_bytes_are_refused(foreign: bytes):
    with pytest.raises(InvalidInput, match="cannot be read"):
        decode(foreign)


def test_nothing_sold_teaches_nothing():
    assert fit(shop(), AS_OF) is None
    assert fit(shop(("a", -3, "x")), AS_OF) is None
