"""A whole Mailwright in the hands of one command: what `mailwright demo` is made of."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from kernel.runtime.core import open_core, piccolo_apps
from kernel.runtime.embedded import with_servers
from kernel.runtime.server import port_is_free, wait_for_web
from kernel.runtime.stopping import stop_event
from kernel.runtime.supervisor import mailwright, supervise

if TYPE_CHECKING:
    from collections.abc import Callable

    from kernel.plugboard.board import Plugboard
    from kernel.runtime.settings import Settings
    from kernel.tenancy.core import Core


@dataclass(frozen=True, kw_only=True)
class Engine:
    """Running servers and an open Core, with the acts of an operator."""

    core: Core
    settings: Settings

    async def migrate(self) -> int:
        """How many migrations were missing; the database has the schema of this code now."""
        from kernel.db.migrate import migrate

        return len(await migrate(self.core.pool, piccolo_apps(self.core.board)))

    async def apply_tenants(self, actor: str) -> int:
        """How many changes `mailwright tenants apply` made."""
        from kernel.mail import overrides
        from kernel.tenancy import sync

        folder = self.settings.tenants_dir
        return len((await sync.apply(self.core, folder, actor, overrides.check)).pending)

    async def run_due(self, tenant_id: str) -> None:
        """Do everything that is due for the tenant by its clock, until it is quiet."""
        from kernel.jobs.due import run_due_inline

        await run_due_inline(self.core, tenant_id)

    async def serve(self, ready: Callable[[], None]) -> None:
        """Run web and worker until control-C, then stop them in order.

        Args:
            ready: called once the web server answers.
        """
        stop = stop_event()
        env = {
            **os.environ,
            "DATABASE_URL": self.settings.database_url,
            "REDIS_URL": self.settings.redis_url,
        }

        async def tell() -> None:
            await wait_for_web(self.settings)
            ready()

        commands = {name: mailwright(name, "--supervised") for name in ("web", "worker")}
        await supervise(commands, env, stop, tell())


@asynccontextmanager
async def open_engine(
    settings: Settings, board: Plugboard, *, to_serve: bool = False
) -> AsyncIterator[Engine]:
    """An Engine for the length of the block; embedded servers run where no URL is set.

    Args:
        settings: of the installation.
        board: its plugins.
        to_serve: raise Unavailable at once when the web server's port is taken, and not after long
            work.
    """
    if to_serve:
        port_is_free(settings)
    async with with_servers(settings) as filled, open_core(filled, board) as core:
        yield Engine(core=core, settings=filled)
