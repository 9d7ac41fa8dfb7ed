"""Facts about the rfm plugin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import AdminPage, Frozen, Manifest


class RfmSettings(Frozen):
    """How many segments there are."""

    segments: Annotated[
        int,
        Meta(
            ge=2,
            le=5,
            description="Segments at most; a shop with few customers gets fewer.",
        ),
    ] = 5


MANIFEST = Manifest(
    name="rfm",
    version="1.0.0",
    title="Segments",
    summary="Sorts customers by how recently, how often and for how much they bought.",
    kind="intelligence",
    settings=RfmSettings,
    pages=(AdminPage(title="Segments", group="intelligence"),),
    docs="plugins/rfm/README.md",
)
