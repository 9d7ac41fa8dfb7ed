"""What is done once a day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from plugins.claude import repo

if TYPE_CHECKING:
    from kernel.sdk import Context

KEPT_DAYS = 35
"""Longer than the API keeps the results of a batch; the kernel keeps the answers that were used."""


async def tidy(ctx: Context, payload: dict[str, Any]) -> None:
    """Forget questions, setups and batches of long ago."""
    await repo.tidy(ctx, KEPT_DAYS)
