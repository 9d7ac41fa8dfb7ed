"""Faults of the fake SendGrid, by a script of rules: by share, for the Nth request, or for whom a test picks.

| kind | what the client meets |
|---|---|
| 400, 401, 403, 404, 413, 429, 500, 502, 503, 504 | this status; nothing was accepted; 429 with a reset in `seconds` (1) |
| 500_after, 502_after, 503_after, 504_after | this status, and the mail was accepted |
| drop, drop_after, drop_midway | the connection is cut: before the mail was accepted, after it, in the middle of the 202 |
| stall, stall_after | no answer at all: not accepted, accepted |
| slow | accepted, and the answer comes after `seconds` (1) |
| refused | no connection at all, for `seconds` or until `recover()` |
"""

from __future__ import annotations

import fnmatch
import random
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

STATUS = tuple(str(status) for status in (400, 401, 403, 404, 413, 429, 500, 502, 503, 504))
AFTER = ("500_after", "502_after", "503_after", "504_after")
WIRE = ("drop", "drop_after", "drop_midway", "stall", "stall_after", "slow", "refused")
KINDS = (*STATUS, *AFTER, *WIRE)
OPERATIONS = ("send", "logs", "messages", "suppression", "erase", "domains", "other")


class Rule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of the script. Whichever of `nth`, `every`, `share`, `to` are given must all agree."""

    KNOWN: ClassVar[tuple[str, ...]] = KINDS
    PLACES: ClassVar[tuple[str, ...]] = OPERATIONS

    kind: str
    on: str = "send"
    """An operation, or `any`."""
    times: int | None = None
    """How often at most; None: once where nothing says which, else without end."""
    share: float = 1.0
    """Of requests, by lot."""
    nth: list[int] = []
    """Which requests, counted from the rule's making: 1 is the next."""
    every: int = 0
    """Each so-many-th request."""
    to: str = ""
    """A pattern like `*@slow.test`, for the first recipient."""
    seconds: float | None = None
    """Of `slow`, `429`, `stall` and `stall_after` (600)."""
    limit: int = 0
    """What 429 tells as `X-RateLimit-Limit`."""
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        """Checks the words."""
        if self.kind not in self.KNOWN:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(self.KNOWN)}")
        if self.on not in (*self.PLACES, "any"):
            raise ValueError(f"no operation {self.on!r}; there are {', '.join(self.PLACES)}, any")


class Faults:
    """The rules in their order; the first that hits a request decides.

    Args:
        seed: of the lots.
    """

    def __init__(self, seed: int = 0) -> None:
        self.rules: list[Rule] = []
        self._when: dict[int, Callable[[Any], bool]] = {}
        self.struck: dict[str, int] = {}
        """How often each kind has struck."""
        self.seed = seed

    @property
    def seed(self) -> int:
        """Setting it begins the lots anew."""
        return self._seed

    @seed.setter
    def seed(self, seed: int) -> None:
        self._seed, self._dice = seed, random.Random(seed)

    def add(self, rule: Rule, when: Callable[[Any], bool] | None = None) -> Rule:
        """One more line; `when` gets the mail."""
        if rule.times is None:
            picks = rule.share < 1 or rule.nth or rule.every or rule.to or when
            rule.times = 2**62 if picks else 1
        self.rules.append(rule)
        if when:
            self._when[id(rule)] = when
        return rule

    def clear(self) -> None:
        """No rules."""
        self.rules.clear()
        self._when.clear()

    def strike(self, operation: str, mail: Any = None, to: str = "") -> Rule | None:
        """The rule that hits this request, used up by one.

        Args:
            operation: of `OPERATIONS`.
            mail: what is to be sent, for operation `send`.
            to: its first recipient.
        """
        hit = None
        for rule in self.rules:
            if rule.on in (operation, "any"):
                rule.seen += 1
                if hit is None and self._hits(rule, mail, to):
                    hit = rule
        if hit:
            hit.struck += 1
            self.struck[hit.kind] = self.struck.get(hit.kind, 0) + 1
        return hit

    def _hits(self, rule: Rule, mail: Any, to: str) -> bool:
        if rule.times is not None and rule.struck >= rule.times:
            return False
        if rule.nth and rule.seen not in rule.nth:
            return False
        if rule.every and rule.seen % rule.every:
            return False
        if rule.to and not fnmatch.fnmatch(to, rule.to):
            return False
        when = self._when.get(id(rule))
        if when and not when(mail):
            return False
        return rule.share >= 1 or self._dice.random() < rule.share
