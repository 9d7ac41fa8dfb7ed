"""Facts about the welcome plugin."""

from __future__ import annotations

from kernel.sdk import Manifest

MANIFEST = Manifest(
    name="welcome",
    version="1.0.0",
    title="Welcome",
    summary="Greets new customers once, in their first two weeks, and says what to expect.",
    kind="campaign",
    docs="plugins/welcome/README.md",
)
