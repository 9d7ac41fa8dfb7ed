"""Headers that every answer carries, whatever made it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from litestar.types import Message, Scope

CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: https:; "
    "font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors {ancestors}"
)


def guard_headers(
    production: bool, frame_ancestors: str
) -> Callable[[Message, Scope], Awaitable[None]]:
    """A Litestar `before_send` hook. A route that set one of these headers keeps its own.

    Args:
        production: then browsers are told to come back by https only.
        frame_ancestors: who may show our pages in a frame, as in a Content-Security-Policy.
    """
    always = {
        b"content-security-policy": CONTENT_SECURITY.format(ancestors=frame_ancestors).encode(),
        b"x-content-type-options": b"nosniff",
        b"referrer-policy": b"same-origin",
        b"cross-origin-opener-policy": b"same-origin",
        b"permissions-policy": b"camera=(), geolocation=(), microphone=(), payment=()",
    }
    if production:
        always[b"strict-transport-security"] = b"max-age=31536000; includeSubDomains"

    async def add(message: Message, scope: Scope) -> None:
        if message["type"] != "http.response.start":
            return
        present = {name.lower() for name, _ in message["headers"]}
        added = [(name, value) for name, value in always.items() if name not in present]
        if scope["path"].startswith("/app") and b"cache-control" not in present:
            # A merchant's customers stay out of caches that others may read.
            added.append((b"cache-control", b"no-store"))
        message["headers"] = [*message["headers"], *added]

    return add
