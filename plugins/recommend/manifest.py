"""Facts about the recommend plugin: for whom a selection is made, and how often."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import Frozen, Manifest


class RecommendSettings(Frozen):
    """Who gets a selection, and how often."""

    every_days: Annotated[
        float,
        Meta(ge=7, le=365, description="So many days lie between two selections for a customer."),
    ] = 30.0
    active_days: Annotated[
        float,
        Meta(ge=7, le=3650, description="Active is who ordered within so many days."),
    ] = 180.0
    after_order_days: Annotated[
        float,
        Meta(ge=0, le=365, description="No selection within so many days of an order."),
    ] = 14.0
    least_products: Annotated[
        int,
        Meta(ge=1, le=3, description="Fewer products than this are no selection: no mail."),
    ] = 2


MANIFEST = Manifest(
    name="recommend",
    version="1.0.0",
    title="Recommend",
    summary="A regular selection of up to three products for each active customer.",
    kind="campaign",
    after=("affinity",),
    settings=RecommendSettings,
    docs="plugins/recommend/README.md",
)
