"""What was learned of a shop, as plain data: read again without running anything that is in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import numpy as np

from kernel.sdk import Frozen, InvalidInput
from plugins.affinity.links import Links
from plugins.affinity.sparse import csr_matrix

VERSION = "1"


class Kept(Frozen):
    """The artefact. Bytes are arrays of 4-byte numbers, little-endian, one number a product or link."""

    skus: tuple[str, ...]
    as_of: datetime
    baskets: int
    penalty: float
    quiet_days: float
    orders: bytes
    recent: bytes
    season: bytes
    popular: bytes
    wait: bytes
    usual: bytes
    bias: bytes
    start: bytes
    """Of each product, the place of its first link; one more for the end."""
    target: bytes
    weight: bytes
    both: bytes


@dataclass(frozen=True, kw_only=True)
class Learned:
    """What was learned of a shop; arrays are by product number (see `Sales`)."""

    skus: tuple[str, ...]
    as_of: datetime
    baskets: int
    penalty: float
    """Lambda of the regression, 0 where there were no pairs to learn from."""
    quiet_days: float
    orders: Any
    """int32: orders with the product, ever;"""
    recent: Any
    """in the last 30 days;"""
    season: Any
    """and a year ago in the 30 days from this one on (0 everywhere in younger shops)."""
    popular: Any
    """float32, 0 to 1: how popular now and in this season."""
    wait: Any
    """int32: days after which it makes sense to recommend it to its buyer again."""
    usual: Any
    """int32: the usual days between two orders of it by one customer, 0 for not known."""
    links: Links

    @property
    def items(self) -> int:
        """How many products."""
        return len(self.skus)

    def encode(self) -> bytes:
        """The artefact."""
        weight = self.links.weight
        return msgspec.msgpack.encode(
            Kept(
                skus=self.skus,
                as_of=self.as_of,
                baskets=self.baskets,
                penalty=self.penalty,
                quiet_days=self.quiet_days,
                **{name: _bytes(getattr(self, name), kind) for name, kind in _ARRAYS.items()},
                bias=_bytes(self.links.bias, "<f4"),
                start=_bytes(weight.indptr, "<i4"),
                target=_bytes(weight.indices, "<i4"),
                weight=_bytes(weight.data, "<f4"),
                both=_bytes(self.links.both, "<i4"),
            )
        )


_ARRAYS = {
    "orders": "<i4",
    "recent": "<i4",
    "season": "<i4",
    "popular": "<f4",
    "wait": "<i4",
    "usual": "<i4",
}


def decode(artefact: bytes) -> Learned:
    """What `encode` wrote.

    Raises:
        InvalidInput: it is no such thing, or its parts do not fit together.
    """
    try:
        kept = msgspec.msgpack.decode(artefact, type=Kept)
        return _checked(kept)
    except (msgspec.MsgspecError, ValueError) as error:
        raise InvalidInput(
            f"The trained model `affinity` cannot be read: {error}.",
            "Train it again: `mailwright models train --model affinity`.",
        ) from error


def _checked(kept: Kept) -> Learned:
    items = len(kept.skus)
    arrays = {name: _array(getattr(kept, name), kind, items) for name, kind in _ARRAYS.items()}
    bias = _array(kept.bias, "<f4", items)
    start = _array(kept.start, "<i4", items + 1)
    links = int(start[-1])
    if start[0] != 0 or (np.diff(start) < 0).any():
        raise ValueError("its links are out of order")
    target = _array(kept.target, "<i4", links)
    weight, both = _array(kept.weight, "<f4", links), _array(kept.both, "<i4", links)
    if links and not 0 <= target.min() <= target.max() < items:
        raise ValueError("a link leads nowhere")
    if not all(np.isfinite(part).all() for part in (bias, weight, arrays["popular"])):
        raise ValueError("a number in it is none")
    matrix = csr_matrix((weight, target, start), shape=(items, items))
    return Learned(
        skus=kept.skus,
        as_of=kept.as_of,
        baskets=kept.baskets,
        penalty=kept.penalty,
        quiet_days=kept.quiet_days,
        links=Links(weight=matrix, both=both, bias=bias),
        **arrays,
    )


def _bytes(values: Any, kind: str) -> bytes:
    return np.ascontiguousarray(values, kind).tobytes()


def _array(content: bytes, kind: str, length: int) -> Any:
    if len(content) != 4 * length:
        raise ValueError("a part of it is cut off")
    return np.frombuffer(content, kind).copy()
