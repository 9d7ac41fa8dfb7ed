"""The segments of a shop as a page tells them: figures, movements, alarms; from counts and facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from kernel.sdk import Frozen
from plugins.rfm import judge, words
from plugins.rfm.movement import NEW

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from plugins.rfm.repo import Group
    from plugins.rfm.words import Meaning


class Figures(Frozen):
    """One segment now. Shares are of all customers and of all their money; the others are means."""

    name: str
    rank: int
    """1 the best."""
    customers: int
    share: float
    money: float
    money_share: float
    days: float
    orders: float
    spent: float
    points: tuple[float, float, float]
    """For recency, frequency and money: 1 to 5."""
    meaning: Meaning


class Move(Frozen):
    """How many went from one segment to another."""

    before: str
    now: str
    customers: int
    share: float
    """Of who was in `before`."""
    up: bool | None
    """To a better segment; None for who is new."""


class Moves(Frozen):
    """A migration matrix: how many of each row are in each column a month later."""

    rows: tuple[str, ...]
    """With NEW as the last one."""
    columns: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]

    def shares(self) -> list[list[float | None]]:
        """Percent of each row; None in a row of nobody."""
        return [
            [100 * cell / sum(row) if sum(row) else None for cell in row] for row in self.counts
        ]

    def listed(self) -> list[Move]:
        """Every movement from one segment to another, the largest first."""
        found = []
        for place, (before, row) in enumerate(zip(self.rows, self.counts, strict=True)):
            for to, (now, count) in enumerate(zip(self.columns, row, strict=True)):
                if count and before != now:
                    up = None if before == NEW else to < place
                    share = count / sum(row)
                    found.append(Move(before=before, now=now, customers=count, share=share, up=up))
        return sorted(found, key=lambda move: (-move.customers, move.before, move.now))

    def sums(self) -> tuple[int, int, int]:
        """How many moved up, moved down, and are new."""
        moves = self.listed()
        return tuple(  # type: ignore[return-value]
            sum(move.customers for move in moves if move.up is kind) for kind in (True, False, None)
        )


def order(names: Sequence[str], groups: Iterable[Group]) -> list[str]:
    """The segments in use, the best first, then what traits of an earlier version still say."""
    return list(dict.fromkeys([*names, *sorted({group.segment for group in groups})]))


def figures(names: Sequence[str], groups: Sequence[Group]) -> list[Figures]:
    """A row for each of `names`, also for one that nobody is in."""
    whole = max(sum(group.customers for group in groups), 1)
    money = sum(group.money for group in groups)
    found = []
    for rank, name in enumerate(names, 1):
        mine = [group for group in groups if group.segment == name]
        count = sum(group.customers for group in mine)
        each = max(count, 1)
        spent = sum(group.money for group in mine)
        found.append(
            Figures(
                name=name,
                rank=rank,
                customers=count,
                share=count / whole,
                money=spent,
                money_share=spent / money if money > 0 else 0.0,
                days=sum(group.days for group in mine) / each,
                orders=sum(group.orders for group in mine) / each,
                spent=spent / each,
                points=(
                    sum(group.r or 0 for group in mine) / each,
                    sum(group.f or 0 for group in mine) / each,
                    sum(group.m or 0 for group in mine) / each,
                ),
                meaning=words.meaning(name),
            )
        )
    return found


def last_month(names: Sequence[str], groups: Sequence[Group]) -> Moves:
    """From a month ago to now, of everyone."""
    count = {(group.before or group.segment, group.segment): group.customers for group in groups}
    rows = (*names, NEW)
    return Moves(
        rows=rows,
        columns=tuple(names),
        counts=tuple(tuple(count.get((row, to), 0) for to in names) for row in rows),
    )


def month(names: Sequence[str], told: dict[str, Any]) -> Moves | None:
    """What the facts of a training tell of one month; None where nothing came before it."""
    moved, came = told.get("moved"), told.get("came")
    if moved is None or came is None or len(moved) != len(names):
        return None
    return Moves(
        rows=(*names, NEW),
        columns=tuple(names),
        counts=(*(tuple(row) for row in moved), tuple(came)),
    )


def alarms(names: Sequence[str], rows: Sequence[Figures], facts: dict[str, Any]) -> list[str]:
    """What is wrong, in sentences: sizes as they are now, the rest as it was when it was trained."""
    now = {row.name: row.share for row in rows}
    shares = np.array([now.get(name, 0.0) for name in names])
    small = judge.small(list(names), shares) if sum(row.customers for row in rows) else []
    return [*small, *facts.get("other_alarms", ())]
