"""Heavy work off the event loop: one thread a process, one core for linear algebra."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")

# scikit-learn's OpenMP spins when two processes use all cores; it is read when sklearn is imported,
# which no module of ours does before a model runs.
os.environ.setdefault("OMP_NUM_THREADS", "1")

THREADS = 1
"""At once in a process: what waits for a model waits in line, and the loop serves on."""

_pool = ThreadPoolExecutor(THREADS, thread_name_prefix="models")


async def off_loop(function: Callable[..., T], *args: object) -> T:
    """What `function(*args)` returns, computed in the models' own thread."""
    return await asyncio.get_running_loop().run_in_executor(_pool, function, *args)
