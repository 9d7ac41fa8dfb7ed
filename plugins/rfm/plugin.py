"""The hooks of the rfm plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Model, Panel, hookimpl
from plugins.rfm import panels
from plugins.rfm import routes as pages
from plugins.rfm.manifest import MANIFEST
from plugins.rfm.model import MODEL

__all__ = ["MANIFEST", "admin_panels", "models", "routes"]


@hookimpl
def models() -> Sequence[Model]:
    """`rfm`: which segment each customer is in."""
    return (MODEL,)


@hookimpl
def routes() -> Sequence[Any]:
    """All segments with their movement, one segment, and who moved."""
    return (pages.listing, pages.segment, pages.moved)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """The segment of a customer, and what it means; on the first page, all segments."""
    return (panels.SEGMENT_OF, panels.SEGMENTS)
