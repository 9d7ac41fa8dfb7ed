"""The hooks of the rfm plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import Model, hookimpl
from plugins.rfm.manifest import MANIFEST
from plugins.rfm.model import MODEL

__all__ = ["MANIFEST", "models"]


@hookimpl
def models() -> Sequence[Model]:
    """`rfm`: which segment each customer is in."""
    return (MODEL,)
