"""Whether this process lives, and whether it can serve: for load balancers and people."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from litestar import Request, Response, get

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from kernel.tenancy.core import Core

_PATIENCE = 3.0


@get("/healthz")
async def alive() -> dict[str, str]:
    """Yes, as long as the event loop turns."""
    return {"status": "ok"}


@get("/readyz")
async def ready(request: Request[Any, Any, Any]) -> Response[dict[str, Any]]:
    """200 when Postgres and Redis answer within three seconds, else 503 with who does not."""
    core: Core = request.app.state.core
    checks = {"postgres": await _answers(_postgres(core)), "redis": await _answers(_redis(core))}
    good = all(checks.values())
    body = {"status": "ok" if good else "unavailable", **checks}
    return Response(body, status_code=200 if good else 503)


async def _answers(check: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(_PATIENCE):
            await check
    # Why it does not answer is in the logs and in `mailwright doctor`, not for the public.
    except Exception:  # noqa: BLE001
        return False
    return True


async def _postgres(core: Core) -> None:
    async with core.pool.unit_of_work() as unit:
        await unit.fetchval("SELECT 1")


async def _redis(core: Core) -> None:
    if core.queue is not None:
        await core.queue.ping()
