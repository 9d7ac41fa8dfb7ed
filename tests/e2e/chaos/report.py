"""What came of it all: for eyes, and judged."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from kernel.pipeline.campaigns import Law
    from tests.e2e.chaos.dying import Line

AFTER_THE_LAST = "after the last message"
ALL_TOLD = "once all was told"
DAYS_LATER = "days later"
OPEN = ("candidate", "planned", "deferred", "attempting", "unknown")


@dataclass(kw_only=True)
class Moment:
    """The ledger, and the other side's book, at one moment."""

    name: str
    law: Law
    states: dict[str, str]
    """Message id -> state."""
    book: dict[str, int]
    """Message id -> how often it was accepted."""


@dataclass(kw_only=True)
class Report:
    """All that happened to one campaign."""

    channel: str
    count: int
    seed: int
    taken: tuple[str, ...]
    kills: int = 0
    seconds: float = 0.0
    """From the first death to the last."""
    tried: set[Line] = field(default_factory=set)
    reached: set[Line] = field(default_factory=set)
    storms: Counter[str] = field(default_factory=Counter)
    faults: dict[str, int] = field(default_factory=dict)
    left: dict[str, str] = field(default_factory=dict)
    """Message id of who left while waiting -> how: unsubscribed, suppressed, erased."""
    told: dict[str, str] = field(default_factory=dict)
    """Message id -> where the ledger must have it once all was told."""
    moments: list[Moment] = field(default_factory=list)
    finished: bool = False
    """Whether the campaign came to its end."""

    def problems(self) -> dict[str, list[str]]:
        """What must not be -> the messages of which it is so. Empty: nobody twice, nobody lost, nobody who
        left, nothing guessed, and the law intact.
        """
        before, _, end = self.moments
        found = {
            "accepted twice": [key for key, times in end.book.items() if times > 1],
            "written to after leaving": [key for key in self.left if key in end.book],
            "sent after the end": [key for key in end.book if key not in before.book],
            "accepted, and the ledger says that it is not": [
                key for key in before.book if before.states.get(key) not in (*self.taken, "unknown")
            ],
            "still open": [key for key, state in end.states.items() if state in OPEN],
            "the law does not hold": [one.name for one in self.moments if not one.law.holds],
            "the campaign has no end": [] if self.finished else [self.channel],
        }
        for one in self.moments:
            found[f"counted as accepted and never was, {one.name}"] = [
                key
                for key, state in one.states.items()
                if state in self.taken and key not in one.book
            ]
        for one in self.moments[1:]:
            found[f"not where it was told to be, {one.name}"] = [
                key for key, state in self.told.items() if one.states.get(key) != state
            ]
        return {name: keys for name, keys in found.items() if keys}

    def __str__(self) -> str:
        """A table of the states, and what led to it."""
        end = self.moments[-1]
        twice = sum(times > 1 for times in end.book.values())
        got = len(self.left.keys() & end.book.keys())
        holds = all(one.law.holds for one in self.moments)
        lines = [
            f"{self.channel}: {self.count:,} messages, seed {self.seed}",
            f"  killed    {self.kills:,} workers in {self.seconds:,.0f} s, at {len(self.reached):,} lines",
            f"  storms    {_counted(self.storms)}",
            f"  faults    {_counted(self.faults)}",
            f"  its book  {len(end.book):,} messages, {twice} of them more than once",
            f"  left      {_counted(Counter(self.left.values()))}; {got} of them got something",
            *_table(self.moments),
            *(f"  unknown   {line}" for line in self._unknown()),
            f"  the law   {'holds' if holds else 'IS BROKEN'}",
        ]
        if missed := _places(self.tried - self.reached):
            lines += ["  not come to:", *(f"    {line}" for line in missed)]
        return "\n".join(lines)

    def _unknown(self) -> list[str]:
        """What became of those whose answer was lost, by whether the book has them."""
        before, _, end = self.moments
        lost = [key for key, state in before.states.items() if state == "unknown"]
        came = Counter((key in end.book, end.states.get(key, "gone")) for key in lost)
        return [
            f"{n:,} {'accepted' if taken else 'never accepted'} by its book, in the end {state}"
            for (taken, state), n in sorted(came.items())
        ] or ["none"]


def _counted(what: dict[str, int]) -> str:
    return ", ".join(f"{name} {n:,}" for name, n in sorted(what.items())) or "none"


def _table(moments: Iterable[Moment]) -> list[str]:
    counted = [(one.name, Counter(one.states.values())) for one in moments]
    states = sorted({state for _, counts in counted for state in counts})
    width = max(len(name) for name, _ in counted)
    head = f"  {'states':{width}}" + "".join(f"{state:>12}" for state in states)
    rows = [
        f"  {name:{width}}" + "".join(f"{counts[state]:>12,}" for state in states)
        for name, counts in counted
    ]
    return [head, *rows]


def _places(lines: Iterable[Line]) -> list[str]:
    """Lines, by file."""
    found: dict[str, list[int]] = defaultdict(list)
    for line in sorted(lines):
        found[str(line).rpartition(":")[0]].append(line.number)
    return [f"{file}: {', '.join(map(str, numbers))}" for file, numbers in found.items()]
