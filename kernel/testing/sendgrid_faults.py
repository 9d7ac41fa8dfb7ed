"""Faults of the fake SendGrid.

| kind | what the client meets |
|---|---|
| 400, 401, 403, 404, 413, 429, 500, 502, 503, 504 | this status; nothing was accepted; 429 with a reset in `seconds` (1) |
| 500_after, 502_after, 503_after, 504_after | this status, and the mail was accepted |
| drop, drop_after, drop_midway | the connection is cut: before the mail was accepted, after it, in the middle of the 202 |
| stall, stall_after | no answer for `seconds` (600): not accepted, accepted |
| slow | accepted, and the answer comes after `seconds` (1) |
| refused | no connection at all, for `seconds` or until `recover()` |
"""

from __future__ import annotations

from typing import ClassVar

from kernel.testing.faults import Rule

STATUS = tuple(str(status) for status in (400, 401, 403, 404, 413, 429, 500, 502, 503, 504))
AFTER = ("500_after", "502_after", "503_after", "504_after")
WIRE = ("drop", "drop_after", "drop_midway", "stall", "stall_after", "slow", "refused")
KINDS = (*STATUS, *AFTER, *WIRE)
OPERATIONS = ("send", "logs", "messages", "suppression", "erase", "domains", "other")


class SendGridRule(Rule, kw_only=True, forbid_unknown_fields=True):
    """One line of the script."""

    KNOWN: ClassVar[tuple[str, ...]] = KINDS
    PLACES: ClassVar[tuple[str, ...]] = OPERATIONS

    on: str | tuple[str, ...] = "send"
    limit: int = 0
    """What 429 tells as `X-RateLimit-Limit`."""
