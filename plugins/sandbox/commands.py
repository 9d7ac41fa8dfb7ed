"""`mailwright demo` and `mailwright sandbox …`. Each imports its work when it is asked for."""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import click

tenant_option = click.option("--tenant", required=True, help="The sandbox tenant's id.")
seed_option = click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    help="The same seed makes the same shop.",
)
customers_option = click.option(
    "--customers",
    type=click.IntRange(20, 1_000_000),
    default=5000,
    show_default=True,
    help="How many customers the shop has at the beginning.",
)


@click.command()
@click.option(
    "--days",
    type=click.IntRange(1, 3650),
    default=30,
    show_default=True,
    help="How many days the clock is turned.",
)
@customers_option
@seed_option
@click.option(
    "--start",
    type=click.DateTime(["%Y-%m-%d"]),
    help="The first day to turn; without it, the last one is yesterday.",
)
@click.option("--once", is_flag=True, help="End when the days are over; do not keep running.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON and nothing else.")
@click.pass_obj
def demo(
    program: Any,
    days: int,
    customers: int,
    seed: int,
    start: datetime | None,
    once: bool,
    as_json: bool,
) -> None:
    """Make a pretend shop, turn its clock, and see what the engine does.

    Starts what it needs, prints each step, and then keeps the admin running. Run again, it goes on
    with the same shop where its clock stands.
    """
    from plugins.sandbox.demo import Wish, run_demo

    wish = Wish(
        days=days,
        customers=customers,
        seed=seed,
        start=start.date() if start else None,
        once=once,
        as_json=as_json,
    )
    asyncio.run(run_demo(program.settings, program.board, wish))


@click.group()
def sandbox() -> None:
    """The pretend world of a sandbox tenant: make its shop, turn its clock."""


@sandbox.command()
@tenant_option
@customers_option
@seed_option
@click.option(
    "--history",
    type=click.IntRange(30, 3650),
    default=730,
    show_default=True,
    help="Days of the shop's past.",
)
@click.pass_obj
def make(program: Any, tenant: str, customers: int, seed: int, history: int) -> None:
    """Make a shop with a past in an empty tenant."""
    from plugins.sandbox.demo import make_shop_in
    from plugins.sandbox.store import Plan

    plan = Plan(seed=seed, customers=customers, days=history)
    for what, count in asyncio.run(make_shop_in(program.settings, program.board, tenant, plan)):
        click.echo(f"{count:>9,} {what}")


@sandbox.command()
@tenant_option
@click.option("--days", type=click.IntRange(1, 3650), default=1, show_default=True)
@click.pass_obj
def turn(program: Any, tenant: str, days: int) -> None:
    """Turn the clock: what is due gets done, and the shop's people live their days."""
    from plugins.sandbox.demo import turn_clock

    asyncio.run(turn_clock(program.settings, program.board, tenant, days))
