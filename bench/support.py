"""A fresh migrated database on the embedded server, and a few lines to print results with."""

from __future__ import annotations

import asyncio
import resource
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.db.uow import Pool
from kernel.plugboard.board import build_plugboard
from kernel.runtime.embedded import embedded_servers
from kernel.tenancy.core import Core, Links
from kernel.testing import database
from kernel.testing.clock import TurnedClock
from kernel.testing.seed import add_tenant

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

FOLDER = Path(".mailwright/bench")


@asynccontextmanager
async def bench_core(plugins: Sequence[str] = ()) -> AsyncIterator[Core]:
    """A Core with one tenant `bench`, on a database that is dropped afterwards.

    Durable commits stay on, as in production; only the tests switch them off.
    """
    board = build_plugboard()
    async with embedded_servers(FOLDER, redis=False) as urls:
        name = f"bench_{database.unique_name()}"
        url = await database.clone(urls.database_url, board, name)
        pool = await Pool(url, size=8).open()
        try:
            async with pool.unit_of_work(role=None) as unit:
                await unit.execute(f"ALTER DATABASE {name} SET synchronous_commit = on")
            await pool.close()
            await pool.open()
            links = Links(base_url="https://mail.example.com", secret="b" * 40)
            core = Core(pool=pool, board=board, links=links, clock=TurnedClock())
            await add_tenant(core, "bench", plugins)
            yield core
        finally:
            await pool.close()
            await database.drop(urls.database_url, name)


def peak_mb() -> float:
    """The peak resident memory of this process so far, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print rows under a header, columns aligned."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(header))]
    for row in cells:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def run(main: object) -> None:
    """Run an async `main` and exit."""
    asyncio.run(main())  # type: ignore[operator]
