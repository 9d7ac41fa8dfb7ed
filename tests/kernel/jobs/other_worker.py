"""A worker on the probe, in a process of its own: `python -m … DATABASE_URL REDIS_URL`."""

from __future__ import annotations

import asyncio
import sys

from kernel.db.uow import Pool
from kernel.jobs.worker import work
from kernel.runtime.stopping import stop_event
from kernel.tenancy.core import Core, Links
from tests.kernel.jobs import probe


async def main(database_url: str, redis_url: str) -> None:
    stop = stop_event()
    pool = await Pool(database_url, size=10).open()
    links = Links(base_url="http://mail.test", secret="x" * 40)
    core = Core(pool=pool, board=probe.board(), links=links)
    await work(core, redis_url, poll=0.01, stop=stop, grace=2.5)
    await pool.close()
    print("stopped in order", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
