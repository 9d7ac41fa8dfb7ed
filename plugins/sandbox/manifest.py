"""Facts about the sandbox plugin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import Frozen, Manifest


class SandboxSettings(Frozen):
    """How the pretend customers take mail."""

    effect: Annotated[
        float,
        Meta(
            ge=0,
            le=5,
            description="Strength of the effect of mail on orders. 0: mail changes nothing, which an "
            "honest engine must find out.",
        ),
    ] = 1.0
    annoyance: Annotated[
        float,
        Meta(
            ge=0, le=5, description="How quickly too much mail makes customers leave. 1 is usual."
        ),
    ] = 1.0


MANIFEST = Manifest(
    name="sandbox",
    version="1.0.0",
    title="Sandbox",
    summary="Makes a pretend shop whose customers answer what they are sent, and turns its clock.",
    kind="tool",
    settings=SandboxSettings,
    tables=("sandbox_shop", "sandbox_customer", "sandbox_day", "sandbox_reaction"),
    piccolo_app="plugins.sandbox.piccolo_app",
    personal_data=True,
    docs="plugins/sandbox/README.md",
)
