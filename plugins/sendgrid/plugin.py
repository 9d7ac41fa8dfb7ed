"""The hooks of the sendgrid plugin."""

from __future__ import annotations

from plugins.sendgrid.manifest import MANIFEST

__all__ = ["MANIFEST"]
