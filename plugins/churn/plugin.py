"""The hooks of the churn plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Model, Panel, hookimpl
from plugins.churn import panels
from plugins.churn import routes as pages
from plugins.churn.manifest import MANIFEST
from plugins.churn.model import MODEL

__all__ = ["MANIFEST", "admin_panels", "models", "routes"]


@hookimpl
def models() -> Sequence[Model]:
    """`churn`: how likely each customer is not to order within the horizon."""
    return (MODEL,)


@hookimpl
def routes() -> Sequence[Any]:
    """Who is at risk, with what is at stake and how far that can be believed."""
    return (pages.risk,)


@hookimpl
def admin_panels() -> Sequence[Panel]:
    """Risk, reasons, next order and expected value of a customer."""
    return (panels.RISK,)
