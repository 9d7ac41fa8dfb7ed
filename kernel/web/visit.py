"""One request as the kernel sees it: who asks, in which tenant, of which plugin."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection

    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.web.auth import Session

Tone = Literal["good", "bad", "note"]


@dataclass(kw_only=True)
class Visit:
    """What the wall knows of a request; kept in its scope."""

    core: Core
    ctx: TenantScope
    plugin: str
    session: Session | None = None
    """None on public routes."""
    said: list[tuple[str, Tone]] = field(default_factory=list)
    """Sentences for the next page."""
    heard: list[tuple[str, Tone]] = field(default_factory=list)
    """Sentences that the last answer left for this page."""
    shown: bool = False


def visit(connection: ASGIConnection[Any, Any, Any, Any]) -> Visit:
    """The visit of a request to a mounted route."""
    found: Visit = connection.scope["state"]["visit"]
    return found


def say(connection: ASGIConnection[Any, Any, Any, Any], text: str, tone: Tone = "good") -> None:
    """Show this sentence on the next page: what a POST leaves behind before it redirects."""
    visit(connection).said.append((text, tone))
