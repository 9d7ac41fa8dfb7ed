"""Facts about the outbox plugin."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from kernel.sdk import Frozen, Manifest


class OutboxSettings(Frozen):
    """How long mails are kept whole."""

    keep_days: Annotated[
        int,
        Meta(
            ge=1,
            le=3650,
            description="Days after which the content of a mail is removed. That it went out stays known.",
        ),
    ] = 90


MANIFEST = Manifest(
    name="outbox",
    version="1.0.0",
    title="Outbox",
    summary="Keeps every mail here, to be looked at, and sends nothing to anybody.",
    kind="channel",
    settings=OutboxSettings,
    tables=("outbox_mail",),
    piccolo_app="plugins.outbox.piccolo_app",
    personal_data=True,
    docs="plugins/outbox/README.md",
)
