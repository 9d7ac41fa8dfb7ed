"""Requests a window: the X-RateLimit headers, and 429 for what is too much."""

from __future__ import annotations

from collections.abc import Callable

from kernel.testing.fake_http import Answer
from kernel.testing.sendgrid_errors import Refused


class Limit:
    """So many requests in so many seconds.

    Args:
        clock: epoch seconds.
        requests: None for no limit, and no headers.
        seconds: of a window.
    """

    def __init__(
        self, clock: Callable[[], float], requests: int | None = None, seconds: float = 60
    ) -> None:
        self.clock, self.requests, self.seconds = clock, requests, seconds
        self._ends, self._used = 0.0, 0

    def take(self) -> dict[str, str]:
        """The headers of one request more.

        Raises:
            Throttled: it is one too many.
        """
        if self.requests is None:
            return {}
        now = self.clock()
        if now >= self._ends or now < self._ends - self.seconds:
            self._ends, self._used = now + self.seconds, 0
        self._used += 1
        headers = told(self.requests, max(0, self.requests - self._used), self._ends)
        if self._used > self.requests:
            raise Throttled(headers)
        return headers


def told(limit: int, remaining: int, ends: float) -> dict[str, str]:
    """X-RateLimit headers; `ends` in epoch seconds, told as whole ones, rounded up."""
    return {
        "X-RateLimit-Limit": str(limit),
        "X-RateLimit-Remaining": str(remaining),
        "X-RateLimit-Reset": str(-int(-ends // 1)),
    }


class Throttled(Refused):
    """429 with its headers."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.headers = headers
        super().__init__(429)

    def answer(self) -> Answer:
        """What goes back."""
        answer = super().answer()
        answer.headers.update(self.headers)
        return answer
