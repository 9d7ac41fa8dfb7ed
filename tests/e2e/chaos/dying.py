"""Lines of our own code at which a worker may be made to die, as if by kill -9."""

from __future__ import annotations

import importlib
import inspect
import os
import signal
import sys
import threading
from types import CodeType, FrameType, ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

BETWEEN_CLAIM_AND_RECORD: dict[str, tuple[str, ...]] = {
    "kernel.pipeline.dispatch": (),
    "kernel.pipeline.begin": (),
    "kernel.pipeline.pace": (),
    "kernel.pipeline.ledger": ("claim", "attempt", "deny", "forget", "settle", "_settle"),
    "kernel.pipeline.comply": ("judge",),
    "kernel.pipeline.compose": ("render",),
    "plugins.outbox.channel": (),
    "plugins.outbox.repo": ("store",),
    "plugins.sendgrid.channel": (),
    "plugins.sendgrid.handover": (),
    "plugins.sendgrid.client": (),
    "plugins.sendgrid.payload": (),
    "plugins.sendgrid.answers": (),
    "plugins.smtp.account": (),
    "plugins.smtp.answers": (),
    "plugins.smtp.bounces": (),
    "plugins.smtp.channel": (),
    "plugins.smtp.handover": (),
    "plugins.smtp.mime": (),
    "plugins.smtp.pool": (),
    "plugins.smtp.transaction": (),
}
"""Module -> its functions that a message passes through on its way out; empty: all of them."""

BETWEEN_EVENT_AND_LEDGER: dict[str, tuple[str, ...]] = {
    "kernel.pipeline.heard": (),
    "kernel.pipeline.outcomes": ("record", "_for_good"),
    "kernel.pipeline.suppressing": (),
    "plugins.sendgrid.fold": (),
    "plugins.sendgrid.jobs": ("fold_events",),
    "plugins.sendgrid.matching": (),
    "plugins.sendgrid.repo": ("store", "pick", "settle", "wait", "count", "histories"),
    "plugins.sendgrid.states": (),
    "plugins.sendgrid.whole": ("take_apart", "store"),
}
"""The same for what SendGrid tells of a message, on its way in."""


class Line(NamedTuple):
    """One line of one file."""

    file: str
    number: int

    def __str__(self) -> str:
        return f"{os.path.relpath(self.file)}:{self.number}"


def lines(channel: str, where: dict[str, tuple[str, ...]] = BETWEEN_CLAIM_AND_RECORD) -> list[Line]:
    """Every line that runs `where` when `channel` carries the messages."""
    found: set[Line] = set()
    for name, wanted in where.items():
        if name.startswith("plugins.") and name.split(".")[1] != channel:
            continue
        module = importlib.import_module(name)
        for function, code in _functions(module):
            if not wanted or function in wanted:
                found |= {Line(code.co_filename, number) for number in _numbers(code)}
    return sorted(found)


def die_at(line: Line, times: int) -> None:
    """From now on, this process kills itself when it comes to `line` for the `times`-th time."""
    left = times

    def in_file(frame: FrameType, event: str, arg: Any) -> Any:
        nonlocal left
        if event == "line" and frame.f_lineno == line.number:
            left -= 1
            if left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)
        return in_file

    def called(frame: FrameType, event: str, arg: Any) -> Any:
        return in_file if frame.f_code.co_filename == line.file else None

    threading.settrace(called)  # some mails are made in a thread
    sys.settrace(called)


def _functions(module: ModuleType) -> Iterator[tuple[str, CodeType]]:
    holders = [module, *(o for o in vars(module).values() if inspect.isclass(o))]
    for holder in holders:
        for name, value in vars(holder).items():
            function = inspect.unwrap(value) if callable(value) else value
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                yield name, function.__code__


def _numbers(code: CodeType) -> Iterator[int]:
    yield from (n for _, _, n in code.co_lines() if n is not None and n > code.co_firstlineno)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _numbers(constant)
