"""Facts about the tracking plugin, and what a merchant may choose."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest


class TrackingSettings(Frozen):
    """What is counted, and what is taken for a machine."""

    clicks_without_consent: Annotated[
        bool,
        Meta(
            description="Count clicks of those who were not asked about tracking, too. Nothing is stored "
            "on their device. Who said no is never counted. Off: only those who agreed."
        ),
    ] = True
    utm: Annotated[bool, Meta(description="Add utm_ parameters to the addresses in mails.")] = True
    utm_source: Annotated[
        str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,60}$", description="The value of utm_source.")
    ] = "newsletter"
    honeypot: Annotated[bool, Meta(description="Put a link into mails that only machines see.")] = (
        True
    )
    machine_seconds: Annotated[
        float, Meta(ge=0, le=300, description="A click so soon after delivery is a machine's.")
    ] = 10.0
    burst_links: Annotated[
        int,
        Meta(ge=2, le=50, description="So many different links of a mail at once are a machine's."),
    ] = 2
    burst_seconds: Annotated[
        float, Meta(ge=0.1, le=60, description="Within how many seconds that counts as at once.")
    ] = 2.0
    honeypot_seconds: Annotated[
        float,
        Meta(
            ge=1,
            le=3600,
            description="Clicks so close to one on the invisible link are of the same machine.",
        ),
    ] = 60.0
    click_days: Annotated[
        float,
        Meta(
            gt=0,
            le=90,
            description="An order counts for the customer's last click in so many days before it.",
        ),
    ] = 5.0
    keep_days: Annotated[
        int,
        Meta(ge=30, le=3650, description="Days after which a hit is no longer tied to anybody."),
    ] = 400


MANIFEST = Manifest(
    name="tracking",
    version="1.0.0",
    title="Tracking",
    summary="Counts clicks by people, tells scanners apart, and says which orders came after a click.",
    kind="tool",
    settings=TrackingSettings,
    tables=("tracking_link", "tracking_hit", "tracking_order"),
    piccolo_app="plugins.tracking.piccolo_app",
    personal_data=True,
    pages=(AdminPage(title="Tracking", group="delivery"),),
    docs="plugins/tracking/README.md",
)
