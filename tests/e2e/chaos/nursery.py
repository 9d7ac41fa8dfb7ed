"""Forks a real worker for each line of JSON on standard input and prints its process id.

Forking after the imports makes a worker in a hundredth of a second, so that killing a thousand of them is a
test and not an afternoon. Each child is a process of its own: kill -9 leaves it no chance.

A line is an object: `settings` are environment variables, `die` (file, line, times) has the worker kill
itself there, `batch` is the number of messages a hand-over.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys

from kernel.jobs.worker import work
from kernel.pipeline import dispatch
from kernel.plugboard import build_plugboard
from kernel.plugboard.board import Plugboard
from kernel.runtime.core import open_core
from kernel.runtime.logs import configure_logs
from kernel.runtime.settings import Settings, load_settings
from tests.e2e.chaos.dying import Line, die_at


async def serve(settings: Settings, board: Plugboard) -> None:
    async with open_core(settings, board) as core:
        await work(core, settings.redis_url, poll=0.02)


def main() -> None:
    board = build_plugboard(load_settings().mandatory_plugins)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the dead are nobody's business here
    for asked in sys.stdin:
        wish = json.loads(asked)
        pid = os.fork()
        if pid == 0:
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            os.environ.update(wish["settings"])
            settings = load_settings()
            configure_logs(settings)
            if "batch" in wish:
                dispatch.BATCH = wish["batch"]
            if "die" in wish:
                file, number, times = wish["die"]
                die_at(Line(file, number), times)
            asyncio.run(serve(settings, board))
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
