"""One request as the kernel sees it: who asks, in which tenant, of which plugin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from litestar.connection import ASGIConnection

    from kernel.tenancy.core import Core
    from kernel.tenancy.scope import TenantScope
    from kernel.web.auth import Session


@dataclass(kw_only=True)
class Visit:
    """What the wall knows of a request; kept in its scope."""

    core: Core
    ctx: TenantScope
    plugin: str
    session: Session | None = None
    """None on public routes."""


def visit(connection: ASGIConnection[Any, Any, Any, Any]) -> Visit:
    """The visit of a request to a mounted route."""
    found: Visit = connection.scope["state"]["visit"]
    return found
