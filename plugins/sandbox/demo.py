"""`mailwright demo`: everything from nothing, with each step on the terminal."""

from __future__ import annotations

import contextlib
import logging
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from time import perf_counter
from zoneinfo import ZoneInfo

import click

from kernel.sdk import Context, Engine, KernelError, NotFound, open_engine, set_clock, sign_in_link
from plugins.sandbox import report
from plugins.sandbox.merchant import Merchant
from plugins.sandbox.screen import Screen
from plugins.sandbox.store import Plan, open_shop
from plugins.sandbox.turn import Day, check_sandbox, refuse_production, stop_at, stops, turn

RESTS = 2
"""Days at the end on which the pretend merchant leaves campaigns to a person."""


@dataclass(frozen=True, kw_only=True)
class Wish:
    """What was asked on the command line."""

    days: int
    customers: int
    seed: int
    start: date | None = None
    once: bool
    as_json: bool


async def run_demo(settings, board, wish: Wish) -> None:
    """The whole demonstration; returns when it is over, or when somebody stops what keeps running.

    Raises:
        KernelError: the law did not hold, or something could not start.
    """
    refuse_production(settings.env == "production")
    # The screen tells what happens; the log would tell it twice.
    logging.getLogger().setLevel(max(logging.WARNING, logging.getLogger().level))
    screen = Screen()
    began = perf_counter()
    async with contextlib.AsyncExitStack() as stack:
        with screen.step("Database and queue") as step:
            engine = await stack.enter_async_context(
                open_engine(settings, board, to_serve=not wish.once)
            )
            step("PostgreSQL and Valkey answer")
        with screen.step("Schema") as step:
            step(f"{await engine.migrate()} migrations")
        with screen.step("Tenants") as step:
            await engine.apply_tenants("demo")
            tenant_id = await _sandbox(engine)
            step(await report.tenants(engine))
        await _shop(engine, tenant_id, wish, screen)
        await _turn(engine, tenant_id, wish, screen)
        async with engine.core.tenant_scope(tenant_id) as ctx:
            summary = await report.summary(ctx, perf_counter() - began)
        if wish.as_json:
            click.echo(report.as_json(summary))
        else:
            screen.summary(summary)
        if broken := [c.title for c in summary.campaigns if not c.holds()]:
            raise KernelError(
                f"The conservation law does not hold for: {', '.join(broken)}.",
                "This is a fault of Mailwright: please report it with the data folder.",
                code="conservation",
            )
        if not wish.once:
            await engine.serve(lambda: screen.address(_link(engine, tenant_id), tenant_id))
            screen.say("Stopped. Everything is kept; run it again to go on.")


async def _sandbox(engine: Engine) -> str:
    """The tenant to play in: the first that has the plugin `sandbox`."""
    for tenant_id in await engine.core.tenants("demo: which tenant is a sandbox"):
        async with engine.core.tenant_scope(tenant_id) as ctx:
            if "sandbox" in ctx.enabled:
                return tenant_id
    raise NotFound(
        f"No tenant in {engine.settings.tenants_dir} is a sandbox.",
        "Add a table [plugins.sandbox] to a tenant.toml.",
    )


async def _shop(engine: Engine, tenant_id: str, wish: Wish, screen: Screen) -> None:
    """Makes the shop, or finds the one that is there."""
    async with engine.core.tenant_scope(tenant_id, "demo") as ctx:
        if await report.has_shop(ctx):
            local = ctx.now.astimezone(ZoneInfo(ctx.tenant.timezone))
            screen.say(
                f"There is a shop already, and it is {local:%A, %d %B %Y, %H:%M} in it: the demo goes "
                f"on from there.\nTo begin anew, stop everything and delete {engine.settings.data_dir}."
            )
            return
    with screen.step("Pretend shop") as step:
        made = []
        async with engine.core.tenant_scope(tenant_id, "demo") as ctx:
            await set_clock(ctx, beginning(ctx, wish.days, wish.start), force=True)
            plan = Plan(seed=wish.seed, customers=wish.customers)
            await open_shop(ctx, plan, lambda what, count: made.append(f"{count:,} {what}"))
            name = ctx.tenant.name
        step(f"{name}: {', '.join(made)} of two years")
    with screen.step("First look") as step:
        await engine.run_due(tenant_id)
        step("events delivered, customers' rhythms computed")


def beginning(ctx: Context, days: int, start: date | None = None) -> datetime:
    """The shop's midnight of `start`, or so many days ago, so that the turned days end today."""
    zone = ZoneInfo(ctx.tenant.timezone)
    day = start or ctx.now.astimezone(zone).date() - timedelta(days=days)
    return datetime.combine(day, time(0), zone)


async def _turn(engine: Engine, tenant_id: str, wish: Wish, screen: Screen) -> None:
    async with engine.core.tenant_scope(tenant_id) as ctx:
        zone = ZoneInfo(ctx.tenant.timezone)
        last = ctx.now.astimezone(zone).date() + timedelta(days=wish.days)
    merchant = Merchant(engine, rests_from=last - timedelta(days=min(RESTS, wish.days - 1) - 1))
    told = False

    async def visit(tenant: str, at: datetime) -> None:
        nonlocal told
        if not told:
            async with engine.core.tenant_scope(tenant) as ctx:
                if story := await report.first_story(ctx):
                    screen.story(story)
                    told = True
        await merchant.visit(tenant, at)

    with screen.days(wish.days) as show:
        async for day in turn(engine, tenant_id, wish.days, visit):
            async with engine.core.tenant_scope(tenant_id) as ctx:
                show(day, await report.totals(ctx))
        # The last morning: fresh campaigns wait for a person, at an hour when mail may go out.
        for at in stops(last, zone)[:2]:
            await stop_at(engine, tenant_id, at)


def _link(engine: Engine, tenant_id: str) -> str:
    return sign_in_link(engine.core, tenant_id)


async def make_shop_in(settings, board, tenant_id: str, plan: Plan) -> list[tuple[str, int]]:
    """What was written into the tenant: (what, how many)."""
    refuse_production(settings.env == "production")
    written: list[tuple[str, int]] = []
    async with open_engine(settings, board) as engine:
        async with engine.core.tenant_scope(tenant_id, "sandbox") as ctx:
            check_sandbox(ctx)
            if ctx.tenant.clock_at is None:
                await set_clock(ctx, beginning(ctx, 0), force=True)
            await open_shop(ctx, plan, lambda what, count: written.append((what, count)))
        await engine.run_due(tenant_id)
    return written


async def turn_clock(settings, board, tenant_id: str, days: int) -> list[Day]:
    """Turns the clock of a pretend shop, with each day on the terminal."""
    refuse_production(settings.env == "production")
    screen, turned = Screen(), []
    async with open_engine(settings, board) as engine:
        with screen.days(days) as show:
            async for day in turn(engine, tenant_id, days):
                async with engine.core.tenant_scope(tenant_id) as ctx:
                    show(day, await report.totals(ctx))
                turned.append(day)
    return turned
