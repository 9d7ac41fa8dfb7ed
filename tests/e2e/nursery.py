"""Forks a real worker for each line on standard input and prints its process id.

Forking after the imports makes a worker in a tenth of a second, so that killing fifty of them is a
test and not an afternoon. Each child is a process of its own: kill -9 leaves it no chance.
"""

from __future__ import annotations

import asyncio
import os
import sys

from kernel.jobs.worker import work
from kernel.plugboard import build_plugboard
from kernel.plugboard.board import Plugboard
from kernel.runtime.core import open_core
from kernel.runtime.logs import configure_logs
from kernel.runtime.settings import Settings, load_settings


async def serve(settings: Settings, board: Plugboard) -> None:
    async with open_core(settings, board) as core:
        await work(core, settings.redis_url, poll=0.02)


def main() -> None:
    settings = load_settings()
    configure_logs(settings)
    board = build_plugboard(settings.mandatory_plugins)
    for _ in sys.stdin:
        pid = os.fork()
        if pid == 0:
            asyncio.run(serve(settings, board))
            os._exit(0)
        print(pid, flush=True)


if __name__ == "__main__":
    main()
