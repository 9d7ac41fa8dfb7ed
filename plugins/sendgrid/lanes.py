"""Many connections without their price: httpx's pool looks at every connection for every request, so one
pool of 24 is four times slower than 24 pools of one (bench/delivering.py).
"""

from __future__ import annotations

import httpx

LANES = 64
EACH = httpx.Limits(max_connections=4, max_keepalive_connections=1, keepalive_expiry=5.0)
"""Of one lane, which has more than one request under way only when all have. Idle connections are given
up soon: one that SendGrid closes at the moment we write on it leaves messages unknown.
"""


class Lanes(httpx.AsyncBaseTransport):
    """Small pools side by side; each request takes the one with the fewest under way.

    Nothing is tried twice (retries=0), and no proxy is taken from the environment.
    """

    def __init__(self, count: int = LANES) -> None:
        context = httpx.create_ssl_context()
        self._lanes = [
            httpx.AsyncHTTPTransport(verify=context, limits=EACH, retries=0) for _ in range(count)
        ]
        self._busy = [0] * count

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request, by the lane that is least busy; the answer is read whole, so that the lane's
        connection is free again when its place is.
        """
        lane = self._busy.index(min(self._busy))
        self._busy[lane] += 1
        try:
            response = await self._lanes[lane].handle_async_request(request)
            await response.aread()
            return response
        finally:
            self._busy[lane] -= 1

    async def aclose(self) -> None:
        """Close every connection."""
        for lane in self._lanes:
            await lane.aclose()
