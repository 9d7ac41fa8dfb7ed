"""The base of every Struct that crosses a border, and the encoding whose bytes we compare."""

from __future__ import annotations

import hashlib
import os
import time
from datetime import datetime
from typing import Any, dataclass_transform
from uuid import UUID

import msgspec
from msgspec import StructMeta


@dataclass_transform(kw_only_default=True, frozen_default=True)
class _KeywordOnly(StructMeta):
    """msgspec hands `frozen` down to subclasses, but not `kw_only`."""

    def __new__(
        mcls, name: str, bases: tuple[type, ...], namespace: dict[str, Any], **config: Any
    ) -> _KeywordOnly:
        config.setdefault("kw_only", True)
        made: _KeywordOnly = super().__new__(mcls, name, bases, namespace, **config)
        return made


class Frozen(msgspec.Struct, metaclass=_KeywordOnly, frozen=True, forbid_unknown_fields=True):
    """A value: immutable, keyword-only, refusing unknown fields."""


_canonical = msgspec.json.Encoder(order="deterministic", decimal_format="string")


def canonical(value: Any) -> bytes:
    """The one JSON spelling of `value`: equal values give equal bytes."""
    return _canonical.encode(value)


def digest(value: Any) -> str:
    """SHA-256 (hex, 64 characters) of the canonical bytes of `value`."""
    return hashlib.sha256(canonical(value)).hexdigest()


def new_id(at: datetime | None = None) -> UUID:
    """A UUID version 7: random, yet ordered by time, so that index pages stay warm.

    Args:
        at: the moment to stamp (default: the machine's clock).

    Source: RFC 9562 section 5.7.
    """
    millis = int(at.timestamp() * 1000) if at else time.time_ns() // 1_000_000
    value = (millis & (1 << 48) - 1) << 80 | int.from_bytes(os.urandom(10), "big")
    value = value & ~(0xF << 76) | 7 << 76
    value = value & ~(0x3 << 62) | 2 << 62
    return UUID(int=value)
