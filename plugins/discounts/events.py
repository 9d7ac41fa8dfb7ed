"""What the plugin tells: whoever makes codes known to a shop listens."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar
from uuid import UUID

from kernel.sdk import Event


class DiscountsGranted(Event):
    """Codes were made and their cost set aside: one event a batch of decisions."""

    type: ClassVar[str] = "discounts.granted"
    campaign_id: UUID
    campaign_type: str
    codes: tuple[str, ...]
    reserved: Decimal
    """In all, in the tenant's currency."""


class DiscountsWithdrawn(Event):
    """Codes that were not used are no longer valid, and what was set aside for them is free again."""

    type: ClassVar[str] = "discounts.withdrawn"
    codes: tuple[str, ...]
    released: Decimal
    reason: str
