"""Facts about the affinity plugin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest


class AffinitySettings(Frozen):
    """What is not recommended."""

    quiet_days: Annotated[
        float,
        Meta(
            ge=0,
            le=365,
            description="A product that was offered in a mail is not offered again for so many days.",
        ),
    ] = 30.0


MANIFEST = Manifest(
    name="affinity",
    version="1.0.0",
    title="Affinity",
    summary="Learns what customers buy again, what new thing may please them, and what goes together.",
    kind="intelligence",
    settings=AffinitySettings,
    tables=("affinity_offer",),
    piccolo_app="plugins.affinity.piccolo_app",
    personal_data=True,
    pages=(AdminPage(title="Bought together", group="intelligence"),),
    docs="plugins/affinity/README.md",
)
