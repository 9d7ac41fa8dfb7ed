"""Deadlines for calls that mostly take microseconds: one timer for all calls of an event loop.

`asyncio.timeout` sets and clears a timer each time, which costs more than asking eight plugins
(bench/hook_call.py). Here a call only writes down when it must be over; the timer is set when none
is, and when it fires it cancels the calls that are late.
"""

from __future__ import annotations

import math
from asyncio import AbstractEventLoop, Task
from time import monotonic
from typing import Any

import msgspec


class Deadline(msgspec.Struct, eq=False):
    """One call that must be over at `end`, in seconds of the monotonic clock."""

    task: Task[Any]
    end: float
    cancelling: int
    """How often others had asked the task to end before the call began."""
    passed: bool = False
    """True once the call was cancelled for being late."""

    def settle(self) -> bool:
        """True when the CancelledError that arrived is this deadline's alone; then it is used up.

        False when somebody else wants the task to end, too: it must be raised further.
        """
        return self.passed and self.task.uncancel() <= self.cancelling


class Watch:
    """The deadlines of all calls under way in one event loop."""

    def __init__(self, loop: AbstractEventLoop) -> None:
        self.loop = loop
        self._open: set[Deadline] = set()
        self.finish = self._open.discard
        """Call it with a deadline whose call is over."""
        self._wakes_at = math.inf

    def begin(self, task: Task[Any], seconds: float) -> Deadline:
        """A deadline for what `task` does now; `finish` it, whatever happens."""
        deadline = Deadline(task, monotonic() + seconds, task.cancelling())
        self._open.add(deadline)
        if deadline.end < self._wakes_at:
            self._wake_at(deadline.end)
        return deadline

    def _wake_at(self, when: float) -> None:
        self._wakes_at = when
        self.loop.call_later(when - monotonic(), self._wake, when)

    def _wake(self, when: float) -> None:
        if when != self._wakes_at:  # an earlier timer was set after this one
            return
        now = max(monotonic(), when)
        for deadline in [late for late in self._open if late.end <= now]:
            self._open.discard(deadline)
            deadline.passed = True
            deadline.task.cancel()
        self._wakes_at = math.inf
        if self._open:
            self._wake_at(min(deadline.end for deadline in self._open))
