"""Scripts of faults: by share, for the Nth request, or for what a test picks out.

Each fake says which kinds there are, and where; `kernel.testing.fake_http` does what they all do to a connection.
"""

from __future__ import annotations

import fnmatch
import hashlib
import random
from collections.abc import Callable
from typing import Any, ClassVar

import msgspec

ENDLESS = 2**62
"""So many `times` are never over."""


class Rule(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """One line of a script. Whichever of `nth`, `every`, `share`, `to` are given must all agree."""

    KNOWN: ClassVar[tuple[str, ...]]
    """Kinds of faults."""
    PLACES: ClassVar[tuple[str, ...]]
    """Operations."""

    kind: str
    on: str | tuple[str, ...]
    """An operation or several, or `any`."""
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
    """How long it lasts; None for the usual time."""
    seen: int = 0
    struck: int = 0

    def __post_init__(self) -> None:
        """Checks the words."""
        if self.kind not in self.KNOWN:
            raise ValueError(f"no fault {self.kind!r}; there are {', '.join(self.KNOWN)}")
        if odd := {*self._places()} - {*self.PLACES, "any"}:
            raise ValueError(
                f"no operation {', '.join(sorted(odd))}; there are {', '.join(self.PLACES)}, any"
            )

    def _places(self) -> tuple[str, ...]:
        return (self.on,) if isinstance(self.on, str) else self.on

    def lasts(self, usual: float) -> float:
        """Its seconds."""
        return usual if self.seconds is None else self.seconds

    def is_on(self, operation: str) -> bool:
        """Whether it is for this operation."""
        return operation in self._places() or "any" in self._places()


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

    def add(self, rule: Rule, when: Callable[[Any], bool] | None = None) -> None:
        """One more line; `when` gets the subject."""
        if rule.times is None:
            picks = rule.share < 1 or rule.nth or rule.every or rule.to or when
            rule.times = ENDLESS if picks else 1
        self.rules.append(rule)
        if when:
            self._when[id(rule)] = when

    def clear(self) -> None:
        """No rules."""
        self.rules.clear()
        self._when.clear()

    def strike(
        self,
        operation: str,
        subject: Any = None,
        to: str = "",
        *,
        lot: bytes = b"",
        kinds: tuple[str, ...] = (),
    ) -> Rule | None:
        """The rule that hits this request, used up by one.

        Args:
            operation: what is asked for.
            subject: what `when` looks at, e.g. the mail that is to be sent.
            to: its first recipient.
            lot: the request's own: the same one draws the same, whatever came before. Empty: by the seed.
            kinds: only these; empty for all.
        """
        hit = None
        for rule in self.rules:
            if rule.is_on(operation) and (not kinds or rule.kind in kinds):
                rule.seen += 1
                if hit is None and self._hits(rule, subject, to, lot):
                    hit = rule
        if hit:
            hit.struck += 1
            self.struck[hit.kind] = self.struck.get(hit.kind, 0) + 1
        return hit

    def _hits(self, rule: Rule, subject: Any, to: str, lot: bytes) -> bool:
        if rule.times is not None and rule.struck >= rule.times:
            return False
        if rule.nth and rule.seen not in rule.nth:
            return False
        if rule.every and rule.seen % rule.every:
            return False
        if rule.to and not fnmatch.fnmatch(to, rule.to):
            return False
        when = self._when.get(id(rule))
        if when and not when(subject):
            return False
        return rule.share >= 1 or self._drawn(lot, rule.kind) < rule.share

    def _drawn(self, lot: bytes, kind: str) -> float:
        """From 0 to 1."""
        if not lot:
            return self._dice.random()
        digest = hashlib.blake2b(lot + kind.encode(), digest_size=8).digest()
        return int.from_bytes(digest) / 2**64
