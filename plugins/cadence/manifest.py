"""Facts about the cadence plugin: how often, and at which hours."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta

from kernel.sdk import Frozen, Manifest

TimeOfDay = Annotated[
    str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="HH:MM, from 00:00 to 23:59")
]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


class CadenceSettings(Frozen):
    """How often a customer hears from the shop, and at which hours of their day."""

    max_mails: Annotated[
        int,
        Meta(ge=1, le=100, description="The most mails one customer gets in a window of days."),
    ] = 2
    window_days: Annotated[
        float, Meta(gt=0, le=365, description="How many days that window has.")
    ] = 7.0
    min_hours: Annotated[
        float,
        Meta(ge=0, le=8760, description="The fewest hours between two mails to one customer."),
    ] = 20.0
    quiet_from: Annotated[
        TimeOfDay, Meta(description="No mail from this time on, where the customer lives.")
    ] = "21:00"
    quiet_until: Annotated[
        TimeOfDay,
        Meta(description="No mail before this time. Equal to the time above: no quiet hours."),
    ] = "08:00"
    weekdays: Annotated[
        tuple[Weekday, ...],
        Meta(min_length=1, max_length=7, description="The days on which mail may go out."),
    ] = WEEK


MANIFEST = Manifest(
    name="cadence",
    version="1.0.0",
    title="Cadence",
    summary="Keeps mails from coming too often or at night: the rest is capped, or waits for morning.",
    kind="gate",
    # Last of the gates: who may not be written to at all is told so first.
    order=80,
    settings=CadenceSettings,
    docs="plugins/cadence/README.md",
)
