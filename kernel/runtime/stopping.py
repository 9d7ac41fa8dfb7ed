"""One way to be told to stop: by a signal, or because the process that started us is gone."""

from __future__ import annotations

import asyncio
import os
import signal


def stop_event(*, supervised: bool = False) -> asyncio.Event:
    """An event set at SIGINT or SIGTERM; at a second one the process ends at once.

    Args:
        supervised: also set it when standard input ends. `mailwright up` holds the other end of that
            pipe, so its children stop in order even when it is killed with -9.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def on_signal(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)
        stop.set()

    def on_input() -> None:
        if not os.read(0, 1024):
            loop.remove_reader(0)
            stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal, number)
    if supervised:
        loop.add_reader(0, on_input)
    return stop
