"""The parts every edge holds, made from settings."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from kernel.db.uow import Pool
from kernel.jobs.arq_queue import ArqQueue
from kernel.plugboard.board import Plugboard
from kernel.runtime.settings import Settings
from kernel.tenancy.core import Core, Links
from kernel.tenancy.health import watching


@asynccontextmanager
async def open_core(settings: Settings, board: Plugboard) -> AsyncIterator[Core]:
    """A Core with an open pool for the length of the block. Both URLs must be set by now."""
    pool = await Pool(settings.database_url, settings.db_pool).open()
    queue = ArqQueue(settings.redis_url) if settings.redis_url else None
    try:
        core = Core(
            pool=pool,
            board=board,
            links=Links(
                base_url=settings.base_url,
                secret=settings.secret,
                old_secrets=settings.old_secrets,
            ),
            production=settings.env == "production",
            queue=queue,
        )
        async with watching(core):
            yield core
    finally:
        if queue is not None:
            await queue.close()
        await pool.close()


def piccolo_apps(board: Plugboard) -> list[str]:
    """Dotted names of every Piccolo app to migrate: the kernel's, then those of plugins."""
    from kernel.db.piccolo_conf import KERNEL_APPS

    return [*KERNEL_APPS, *board.piccolo_apps]
