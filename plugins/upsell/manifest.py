"""Facts about the upsell plugin, and how recent an order must be."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import Frozen, Manifest


class UpsellSettings(Frozen):
    """How long after an order something that goes with it is proposed."""

    after_days: Annotated[
        float,
        Meta(
            ge=0,
            le=365,
            description="Not before so many days after the last order: let the parcel arrive first.",
        ),
    ] = 5.0
    recent_days: Annotated[
        float,
        Meta(ge=1, le=365, description="Not after so many days: the order is recent no more."),
    ] = 30.0


MANIFEST = Manifest(
    name="upsell",
    version="1.0.0",
    title="Upsell",
    summary="Proposes one product that goes with what a customer has just bought.",
    kind="campaign",
    after=("affinity",),
    settings=UpsellSettings,
    docs="plugins/upsell/README.md",
)
