"""The hooks of the churn plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import Model, hookimpl
from plugins.churn.manifest import MANIFEST
from plugins.churn.model import MODEL

__all__ = ["MANIFEST", "models"]


@hookimpl
def models() -> Sequence[Model]:
    """`churn`: how likely each customer is not to order within the horizon."""
    return (MODEL,)
