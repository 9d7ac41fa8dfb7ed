"""The hooks of the smtp plugin."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from kernel.sdk import Channel, hookimpl
from plugins.smtp.channel import SMTP
from plugins.smtp.commands import bounce, dkim
from plugins.smtp.manifest import MANIFEST

__all__ = ["MANIFEST", "channels", "commands"]


@hookimpl
def channels() -> Sequence[Channel]:
    """`smtp`."""
    return (SMTP,)


@hookimpl
def commands() -> Sequence[Any]:
    """`mailwright bounce` and `mailwright dkim`."""
    return (bounce, dkim)
