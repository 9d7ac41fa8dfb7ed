"""Facts about the files plugin."""

from __future__ import annotations

from kernel.sdk import Manifest

MANIFEST = Manifest(
    name="files",
    version="1.0.0",
    title="Files",
    summary="Reads orders, customers and products from files, and gives everything back as files.",
    kind="source",
    docs="plugins/files/README.md",
)
