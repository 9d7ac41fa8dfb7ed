"""Facts about the admin."""

from __future__ import annotations

from kernel.sdk import AdminPage, Manifest

MANIFEST = Manifest(
    name="admin_ui",
    version="1.0.0",
    title="Admin",
    summary="These pages: what the engine did and why, and what waits for you.",
    kind="tool",
    order=90,
    pages=(
        AdminPage(title="Ledger and provider", path="reconciliation", group="delivery"),
        AdminPage(title="Data rights", path="rights", group="compliance"),
        AdminPage(title="Audit trail", path="audit", group="compliance"),
    ),
    docs="admin_ui/README.md",
)
