"""`mailwright clock …`: a shop's own time, for trials and tests."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import click

from kernel.cli.program import Program, pass_program
from kernel.cli.tenants import actor, as_json, print_json
from kernel.contracts.errors import InvalidInput

if TYPE_CHECKING:
    from kernel.tenancy.core import Core

tenant_option = click.option("--tenant", required=True, help="The tenant's id.")
force_option = click.option("--force", is_flag=True, help="Allow the clock to go backwards.")


@click.group()
def command() -> None:
    """A tenant's own clock: show, set and reset it. Refused in production."""


@command.command()
@tenant_option
@as_json
@pass_program
def show(program: Program, tenant: str, json: bool) -> int:
    """What time it is for the tenant."""

    async def work(core: Core) -> tuple[datetime, bool, str]:
        async with core.tenant_scope(tenant) as ctx:
            return ctx.now, ctx.tenant.clock_at is not None, ctx.tenant.timezone

    now, own, zone = program.run(work)
    if json:
        print_json({"tenant": tenant, "now": now, "own": own, "timezone": zone})
        return 0
    kind = "its own clock, which stands until it is set" if own else "real time"
    click.echo(f"{now.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M} in {zone}: {kind}")
    return 0


@command.command("set")
@tenant_option
@click.argument("time")
@force_option
@pass_program
def set_(program: Program, tenant: str, time: str, force: bool) -> int:
    """Set the clock to TIME, e.g. 2011-09-10 or 2011-09-10T08:00 (the tenant's time zone)."""

    async def work(core: Core) -> datetime:
        from kernel.contracts.events import ClockSet
        from kernel.events.outbox import emit
        from kernel.profiles.totals import recompute_all
        from kernel.tenancy import switches

        async with core.tenant_scope(tenant, actor()) as ctx:
            await switches.set_clock(ctx, _time(time, ctx.tenant.timezone), force=force)
            await recompute_all(ctx)
            await emit(ctx, ClockSet(occurred_at=ctx.now))
            return ctx.now

    click.echo(f"The clock of {tenant} stands at {program.run(work):%Y-%m-%d %H:%M} UTC.")
    return 0


@command.command()
@tenant_option
@force_option
@pass_program
def reset(program: Program, tenant: str, force: bool) -> int:
    """Give the tenant real time again."""

    async def work(core: Core) -> None:
        from kernel.contracts.events import ClockSet
        from kernel.events.outbox import emit
        from kernel.profiles.totals import recompute_all
        from kernel.tenancy import switches

        async with core.tenant_scope(tenant, actor()) as ctx:
            await switches.set_clock(ctx, None, force=force)
            await recompute_all(ctx)
            await emit(ctx, ClockSet(occurred_at=ctx.now))

    program.run(work)
    click.echo(f"{tenant} lives in real time.")
    return 0


def _time(text: str, zone: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidInput(
            f"`{text}` is not a time.", "Write it as 2011-09-10 or 2011-09-10T08:00."
        ) from error
    return (at if at.tzinfo else at.replace(tzinfo=ZoneInfo(zone))).astimezone(UTC)
