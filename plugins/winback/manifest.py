"""Facts about the winback plugin, and how long a pause makes someone overdue."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import Frozen, Manifest


class WinbackSettings(Frozen):
    """When a customer counts as overdue."""

    factor: Annotated[
        float,
        Meta(
            ge=1,
            le=10,
            description="Overdue is who has not ordered for so many times their usual pause.",
        ),
    ] = 2.0
    floor_days: Annotated[
        float, Meta(ge=1, le=3650, description="Nobody is overdue before so many days.")
    ] = 30.0
    ceiling_days: Annotated[
        float,
        Meta(
            ge=1, le=3650, description="Everybody is overdue after so many days without an order."
        ),
    ] = 365.0
    give_up_days: Annotated[
        float,
        Meta(
            ge=1,
            le=3650,
            description="Nobody is written to any more after so many days without an order.",
        ),
    ] = 730.0
    attribution_days: Annotated[
        float,
        Meta(ge=1, le=90, description="An order so many days after a winback mail is its outcome."),
    ] = 14.0


MANIFEST = Manifest(
    name="winback",
    version="1.0.0",
    title="Winback",
    summary="Writes to customers who have not ordered for much longer than they usually do.",
    kind="campaign",
    settings=WinbackSettings,
    docs="plugins/winback/README.md",
)
