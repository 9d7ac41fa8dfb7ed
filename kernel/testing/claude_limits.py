"""Rate limits as the API has them: buckets that fill all the time, told in headers of every answer."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from kernel.testing.claude_errors import ApiError


@dataclass(slots=True)
class _Bucket:
    limit: int
    level: float
    at: float

    def fill(self, now: float) -> None:
        self.level = min(self.limit, self.level + (now - self.at) * self.limit / 60)
        self.at = now

    def seconds_until(self, wanted: float) -> float:
        return max(0.0, (wanted - self.level) * 60 / self.limit)


class Limits:
    """Requests, input tokens and output tokens a minute."""

    def __init__(self, now: Callable[[], datetime], seconds: Callable[[], float]) -> None:
        self._now = now
        self._seconds = seconds
        self._buckets: dict[str, _Bucket] = {}
        self._enforced = False
        self._fill(requests=4_000, input_tokens=4_000_000, output_tokens=800_000)

    def set(self, **limits: int | None) -> None:
        """Per minute, from now on enforced; what is not named keeps its number."""
        known = {name: bucket.limit for name, bucket in self._buckets.items()}
        self._fill(**{**known, **{name: n for name, n in limits.items() if n is not None}})
        self._enforced = True

    def _fill(self, **limits: int) -> None:
        at = self._seconds()
        self._buckets = {name: _Bucket(limit, limit, at) for name, limit in limits.items()}

    def take(self, input_tokens: int, max_tokens: int) -> dict[str, str]:
        """Headers of the answer, after the buckets gave what the request needs.

        Raises:
            ApiError: 429 with `retry-after`, one of them is empty.
        """
        now = self._seconds()
        for bucket in self._buckets.values():
            bucket.fill(now)
        wanted = {"requests": 1, "input_tokens": input_tokens, "output_tokens": max_tokens}
        if self._enforced:
            for name, bucket in self._buckets.items():
                if wait := bucket.seconds_until(min(wanted[name], bucket.limit)):
                    unit = name.replace("_", " ")
                    raise ApiError(
                        429,
                        f"This request would exceed your organization's rate limit of {bucket.limit:,} "
                        f"{unit} per minute.",
                        {"retry-after": f"{math.ceil(wait)}", **self._headers()},
                    )
            for name, bucket in self._buckets.items():
                bucket.level -= wanted[name]
        return self._headers()

    def settle(self, max_tokens: int, usage: dict[str, Any]) -> None:
        """Gives back what was set aside and not used: output not written, and input read from the cache."""
        if self._enforced:
            self._buckets["output_tokens"].level += max_tokens - usage["output_tokens"]
            self._buckets["input_tokens"].level += usage["cache_read_input_tokens"]

    def _headers(self) -> dict[str, str]:
        read, written = self._buckets["input_tokens"], self._buckets["output_tokens"]
        both = _Bucket(read.limit + written.limit, read.level + written.level, read.at)
        told = {}
        for name, bucket in {**self._buckets, "tokens": both}.items():
            start = f"anthropic-ratelimit-{name.replace('_', '-')}"
            full = self._now() + timedelta(seconds=math.ceil(bucket.seconds_until(bucket.limit)))
            told[f"{start}-limit"] = str(bucket.limit)
            told[f"{start}-remaining"] = str(max(0, int(bucket.level)))
            told[f"{start}-reset"] = f"{full:%Y-%m-%dT%H:%M:%SZ}"
        return told
