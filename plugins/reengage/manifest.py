"""Facts about the reengage plugin, and how long a silence is long."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import Frozen, Manifest


class ReengageSettings(Frozen):
    """When a subscriber counts as silent, and where winback ends."""

    silent_days: Annotated[
        float,
        Meta(
            ge=90,
            le=3650,
            description="Silent is who has neither ordered nor clicked for so many days.",
        ),
    ] = 365.0
    after_winback_days: Annotated[
        float,
        Meta(
            ge=7,
            le=365,
            description="Where winback is on: who once ordered is asked only when a winback mail has "
            "stayed without an order or a click for so many days.",
        ),
    ] = 30.0
    winback_gives_up_days: Annotated[
        float,
        Meta(
            ge=90,
            le=3650,
            description="Or when the last order is so many days ago: set it to what winback gives up after.",
        ),
    ] = 730.0
    least_mails: Annotated[
        int,
        Meta(
            ge=0,
            le=100,
            description="Only who has had so many mails in that time, or else nothing could be clicked.",
        ),
    ] = 0


MANIFEST = Manifest(
    name="reengage",
    version="1.0.0",
    title="Reengage",
    summary="Asks subscribers who have long been silent whether they still want mail.",
    kind="campaign",
    settings=ReengageSettings,
    docs="plugins/reengage/README.md",
)
