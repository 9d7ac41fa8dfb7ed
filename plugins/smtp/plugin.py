"""The hooks of the smtp plugin."""

from __future__ import annotations

from collections.abc import Sequence

from kernel.sdk import Channel, hookimpl
from plugins.smtp.channel import SMTP
from plugins.smtp.manifest import MANIFEST

__all__ = ["MANIFEST", "channels"]


@hookimpl
def channels() -> Sequence[Channel]:
    """`smtp`."""
    return (SMTP,)
