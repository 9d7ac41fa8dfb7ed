"""The hooks of the files plugin."""

from __future__ import annotations

from plugins.files.manifest import MANIFEST

__all__ = ["MANIFEST"]
