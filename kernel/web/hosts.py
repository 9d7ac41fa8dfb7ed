"""A shop's own host for links: only its public pages, under short paths; never anything else of ours."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from litestar.enums import ScopeType

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Receive, Scope, Send

    from kernel.tenancy.core import Core

FRESH = timedelta(seconds=30)
"""How long the list of hosts is believed."""
NOWHERE = "/t"
"""A path at which nothing is."""
# The tenant that was there first keeps a host; `tenants plan` refuses a second one.
_HOSTS = """
SELECT tenant_id, sender ->> 'link_host' AS host FROM tenancy_tenant
WHERE sender ->> 'link_host' <> '' ORDER BY created_at DESC, tenant_id DESC
"""


class LinkHosts:
    """Host -> tenant, for all tenants: one query now and then, whatever hosts strangers name."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._hosts: dict[str, str] = {}
        self._read_at: datetime | None = None
        self._lock = asyncio.Lock()
        self._own = urlsplit(core.links.base_url).hostname

    async def tenant_of(self, host: str) -> str | None:
        """Whose link host it is; None for every other host. Our own address is nobody's."""
        if host == self._own:
            return None
        if self._old():
            async with self._lock:
                if self._old():
                    async with self._core.system_scope("link hosts") as unit:
                        rows = await unit.fetch(_HOSTS)
                    self._hosts = {row["host"]: row["tenant_id"] for row in rows}
                    self._read_at = self._core.clock.now()
        return self._hosts.get(host)

    def _old(self) -> bool:
        return self._read_at is None or abs(self._core.clock.now() - self._read_at) >= FRESH


def link_hosts(core: Core, app: ASGIApp) -> ASGIApp:
    """`app`, with `https://<link host>/u/…` served as `/t/<tenant>/<plugin>/u/…`.

    On a link host there is nothing but the public routes of its tenant.
    """
    hosts = LinkHosts(core)
    short = core.board.short_paths

    async def served(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.HTTP:
            named = {host_of(value) for name, value in scope["headers"] if name == b"host"}
            owners = {host: await hosts.tenant_of(host) for host in sorted(named)}
            tenant = next((owner for owner in owners.values() if owner), None)
            if tenant is not None:
                first = scope["path"].split("/", 2)[1] if scope["path"][:1] == "/" else ""
                plugin = short.get(first) if len(named) == 1 else None
                path = f"/t/{tenant}/{plugin}{scope['path']}" if plugin else NOWHERE
                changed: dict[str, Any] = {**scope, "path": path, "raw_path": path.encode()}
                return await app(changed, receive, send)  # type: ignore[arg-type]
        return await app(scope, receive, send)

    return served


def host_of(header: bytes) -> str:
    """The name in a Host header: lower case, without port and final dot."""
    text = header.decode("latin-1").strip().lower()
    return text.partition(":")[0].rstrip(".")
