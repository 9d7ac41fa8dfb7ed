"""`mailwright worker`: jobs, schedules and events, until told to stop."""

from __future__ import annotations

import click

from kernel.cli.migrate import migrate_now
from kernel.cli.program import Program, pass_program


@click.command()
@click.option("--supervised", is_flag=True, hidden=True)
@pass_program
def command(program: Program, supervised: bool) -> None:
    """Run jobs; stops in order: claims no more, finishes what is in hand."""
    from kernel.jobs.worker import work as run_jobs
    from kernel.runtime.stopping import stop_event

    async def work() -> None:
        stop = stop_event(supervised=supervised)
        async with program.engine() as engine:
            if supervised:
                await migrate_now(engine.core)
            jobs = program.settings.worker_jobs
            await run_jobs(engine.core, engine.settings.redis_url, jobs=jobs, stop=stop)

    program.wait(work())
