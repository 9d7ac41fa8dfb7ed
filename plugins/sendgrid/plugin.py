"""The hooks of the sendgrid plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import Channel, hookimpl
from plugins.sendgrid.channel import SENDGRID
from plugins.sendgrid.manifest import MANIFEST

__all__ = ["MANIFEST", "channels"]


@hookimpl
def channels() -> Sequence[Channel]:
    """`sendgrid`."""
    return (SENDGRID,)
