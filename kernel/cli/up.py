"""`mailwright up`: everything on this machine, in one process tree."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.runtime.embedded import EmbeddedServers
    from kernel.runtime.settings import Settings

_CHECK_EVERY = 5.0


@click.command()
@pass_program
def command(program: Program) -> None:
    """Run everything: servers where no URL is set, migrations, web and worker."""
    from kernel.runtime.server import port_is_free

    port_is_free(program.settings)
    program.wait(_up(program.settings))


async def _up(settings: Settings) -> None:
    from kernel.runtime.embedded import EmbeddedServers, filled
    from kernel.runtime.stopping import stop_event
    from kernel.runtime.supervisor import mailwright, supervise

    stop = stop_event()
    servers = EmbeddedServers(
        settings.data_dir, postgres=settings.embedded_postgres, redis=settings.embedded_redis
    )
    embedded = settings.embedded_postgres or settings.embedded_redis
    if embedded:
        click.echo(f"Starting the database and Valkey in {settings.data_dir} …")
        settings = filled(settings, await servers.start())
    # The children get the URLs, so that this process stays small and alone answers for the servers.
    env = {
        **os.environ,
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
    }
    try:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(servers)) if embedded else None
            commands = {name: mailwright(name, "--supervised") for name in ("web", "worker")}
            await supervise(commands, env, stop, _tell(settings))
            if watching:
                watching.cancel()
    finally:
        await servers.stop()
    click.echo("Stopped. Everything is kept.")


async def _tell(settings: Settings) -> None:
    """Prints the address once the web server answers."""
    from kernel.runtime.server import wait_for_web

    await wait_for_web(settings)
    click.echo(f"\nMailwright runs at {settings.base_url}/app/ (stop it with control-C)")
    click.echo("A link that signs you in: mailwright login --tenant TENANT")


async def _watch(servers: EmbeddedServers) -> None:
    """Starts an embedded server again when it does not answer any more."""
    import structlog

    from kernel.contracts.errors import KernelError

    log = structlog.get_logger(__name__)
    while True:
        await asyncio.sleep(_CHECK_EVERY)
        try:
            await servers.start()
        except KernelError as error:
            log.error("embedded server is down", reason=str(error))
