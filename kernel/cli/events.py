"""`mailwright events`: dead letters and dead jobs, looked at and run again."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program
from kernel.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from kernel.tenancy.core import Core


@click.group()
def command() -> None:
    """What failed for good: list it, correct the cause, run it again."""


@command.command("list")
@click.option("--tenant", required=True, help="Whose.")
@click.option("--after", default="", help="Dead letters after this mark.")
@click.option("--after-job", default=0, help="Dead jobs after this number.")
@pass_program
def list_(program: Program, tenant: str, after: str, after_job: int) -> None:
    """Show a page of dead letters and of dead jobs, with why they failed."""
    from kernel.events.dead import dead_page
    from kernel.jobs.dead import dead_tasks

    async def show(core: Core) -> None:
        async with core.tenant_scope(tenant) as ctx:
            letters = await dead_page(ctx, after)
            tasks = await dead_tasks(ctx, after_job)
        for letter in letters:
            click.echo(
                f"event {letter.event_id}  {letter.type}  for {letter.subscription}  "
                f"{letter.died_at:%Y-%m-%d %H:%M}  {letter.error}"
            )
        for task in tasks:
            click.echo(f"job {task.id}  {task.job}  {task.died_at:%Y-%m-%d %H:%M}  {task.error}")
        if not letters and not tasks:
            click.echo("Nothing is dead.")
        if letters:
            click.echo(f'More: --after "{letters[-1].mark}"')
        if tasks:
            click.echo(f"More: --after-job {tasks[-1].id}")

    program.run(show)


@command.command()
@click.option("--tenant", required=True, help="Whose.")
@click.option("--event", type=int, help="One dead letter: its event …")
@click.option("--subscription", default="", help="… and its subscription; alone: all of those.")
@click.option("--job", type=int, help="One dead job.")
@click.option("--all", "everything", is_flag=True, help="All dead letters and all dead jobs.")
@pass_program
def replay(
    program: Program,
    tenant: str,
    event: int | None,
    subscription: str,
    job: int | None,
    everything: bool,
) -> None:
    """Have dead letters delivered, and dead jobs run, once more."""
    from kernel.events import dead as letters
    from kernel.jobs import dead as tasks

    async def again(core: Core) -> int:
        async with core.tenant_scope(tenant, actor="command line") as ctx:
            if everything:
                return await letters.replay_all(ctx) + await tasks.replay_tasks(ctx)
            if job is not None:
                await tasks.replay_task(ctx, job)
                return 1
            if event is not None and subscription:
                await letters.replay(ctx, event, subscription)
                return 1
            if subscription:
                return await letters.replay_all(ctx, subscription)
        raise InvalidInput(
            "Say what to replay.",
            "Give --event and --subscription, --subscription alone, --job, or --all.",
        )

    count = program.run(again)
    click.echo(f"{count} will be run again by the worker.")
