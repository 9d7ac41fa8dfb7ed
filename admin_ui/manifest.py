"""Facts about the admin."""

from __future__ import annotations

from kernel.sdk import Manifest

MANIFEST = Manifest(
    name="admin_ui",
    version="1.0.0",
    title="Admin",
    summary="These pages: what the engine did and why, and what waits for you.",
    kind="tool",
    order=90,
    docs="admin_ui/README.md",
)
