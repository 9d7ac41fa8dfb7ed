"""Whoever comes to the application from outside, over HTTP and signed in nowhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from kernel.web.app import create_app

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


def visitor(core: Core) -> httpx.AsyncClient:
    """A reader of mail, a provider that posts, a stranger."""
    transport = httpx.ASGITransport(app=create_app(core))  # type: ignore[arg-type]
    return httpx.AsyncClient(transport=transport, base_url="http://mail.test")
