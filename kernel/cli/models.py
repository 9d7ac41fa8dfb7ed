"""`mailwright models …`: what the engine has learned, how good it is, and models on files alone."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from datetime import datetime

    import polars as pl

    from kernel.contracts.context import Context
    from kernel.contracts.models import Evaluation, History, Model
    from kernel.models.cards import Card
    from kernel.models.store import Scoring, Version
    from kernel.plugboard.parts import Owned
    from kernel.tenancy.core import Core

T = TypeVar("T")

File = click.Path(path_type=Path, dir_okay=False)
orders_option = click.option(
    "--orders", type=File, required=True, help="CSV or Parquet; see docs/models.md for its columns."
)
as_of_option = click.option(
    "--as-of", required=True, help="A date or moment (UTC): nothing from it on is learned from."
)
tenant_option = click.option("--tenant", required=True, help="The tenant's id.")
model_option = click.option("--model", default="", help="Only this model.")
k_option = click.option("--k", type=click.IntRange(1, 1000), default=10, show_default=True)
out_option = click.option("--out", type=File, required=True, help="Parquet, or CSV if named .csv.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@click.group()
def command() -> None:
    """Models: evaluate and use them on files; train, score, show and roll back those of a tenant."""


@command.command()
@click.argument("model")
@orders_option
@as_of_option
@click.option("--horizon", type=click.IntRange(1, 3650), help="Days; default: the shop's rhythm.")
@json_option
@click.option("--scores", type=File, help="Write the score of each customer here.")
@click.option("--segments", type=File, help="Write the segment of each customer here.")
@pass_program
def evaluate(
    program: Program,
    model: str,
    orders: Path,
    as_of: str,
    horizon: int | None,
    as_json: bool,
    scores: Path | None,
    segments: Path | None,
) -> int:
    """Train MODEL on what happened before --as-of, and judge it by the days from it on. No database."""
    from kernel.models.files import read_orders
    from kernel.models.history import named

    owned, moment = _model(program, model), _moment(as_of)
    history = read_orders(orders, moment)
    horizon = horizon or owned.value.horizon(history, moment)
    found, table = owned.value.evaluate(history, moment, horizon, _settings(program, owned))
    for path in filter(None, (scores, segments)):
        _write(named(history, table).sort("customer_id"), path)
    facts = _flat(found) | {"noticed": history.noticed}
    _print_json(facts) if as_json else _print_evaluation(owned.value, found, history.noticed)
    return 0


@command.command()
@orders_option
@as_of_option
@click.option("--baskets", type=File, required=True, help="CSV or Parquet: basket_id, item.")
@k_option
@out_option
@model_option
@pass_program
def recommend(
    program: Program, orders: Path, as_of: str, baskets: Path, k: int, out: Path, model: str
) -> int:
    """What fits each basket best: basket_id, rank, item, score. No database."""
    from kernel.models.cells import ids
    from kernel.models.files import read_baskets

    owned, moment = _recommender(program, model), _moment(as_of)
    history, item_type = _products(orders, moment)
    frame, names = read_baskets(baskets)
    found = owned.value.recommend(history, moment, frame, k, _settings(program, owned))
    found = found.with_columns(
        names.gather(found["basket_id"]).alias("basket_id"), ids(found["item"], item_type)
    )
    _write(found.select("basket_id", "rank", "item", "score"), out)
    return _told(found["basket_id"], frame["basket_id"], "baskets", history, moment)


@command.command("next-order")
@orders_option
@as_of_option
@k_option
@out_option
@model_option
@pass_program
def next_order(program: Program, orders: Path, as_of: str, k: int, out: Path, model: str) -> int:
    """What each customer may buy next: customer_id, slot, rank, item, reason. No database."""
    from kernel.models.cells import ids
    from kernel.models.history import named

    owned, moment = _recommender(program, model), _moment(as_of)
    history, item_type = _products(orders, moment)
    found = owned.value.next_order(history, moment, k, _settings(program, owned))
    found = named(history, found).with_columns(ids(found["item"], item_type))
    found = found.select("customer_id", "slot", "rank", "item", "reason")
    _write(found.sort("customer_id", "slot", "rank"), out)
    known = history.orders.filter(history.orders["ordered_at"] < moment)["customer_id"]
    return _told(found["customer_id"], known, "customers", history, moment)


@command.command("list")
@click.option("--tenant", default="", help="Also how the models of this tenant stand.")
@json_option
@pass_program
def list_(program: Program, tenant: str, as_json: bool) -> int:
    """The installed models, and for a tenant which version of each is in use."""
    if not tenant:
        for name, owned in program.board.models.items():
            click.echo(
                f"{name:<16} {owned.value.version:<8} {owned.value.title}: {owned.value.about}"
            )
        return 0

    async def look(ctx: Context) -> list[Card]:
        from kernel.models import cards, run

        async with ctx.transaction() as tx:
            return [await cards.card(tx, owned.value.name) for owned in run.chosen(tx)]

    found = _for_tenant(program, tenant, look)
    if as_json:
        _print_json(found)
        return 0
    for card in found:
        number = f"version {card.in_use.number}" if card.in_use else "nothing in use"
        click.echo(f"{card.name:<16} {number:<16} {card.state}")
    return 0


@command.command()
@click.argument("model")
@tenant_option
@json_option
@pass_program
def show(program: Program, model: str, tenant: str, as_json: bool) -> int:
    """The card of MODEL: what it tells, how good it is, and what became of each training."""

    async def look(ctx: Context) -> Card:
        from kernel.models import cards

        async with ctx.transaction() as tx:
            return await cards.card(tx, model)

    card = _for_tenant(program, tenant, look)
    if as_json:
        _print_json(card)
        return 0
    click.secho(f"{card.title} ({model})", bold=True)
    click.echo(f"{card.about}\n{card.state}")
    if card.scoring is not None and card.scoring.number:
        at = f"{card.scoring.scored_at:%Y-%m-%d %H:%M} UTC"
        click.echo(f"scored {card.scoring.customers:,} customers on {at}")
    for version in card.versions:
        click.echo(
            f"{version.number:>4}  {version.made_at:%Y-%m-%d}  {version.state:<9}  {version.reason}"
        )
    return 0


@command.command()
@tenant_option
@model_option
@pass_program
def train(program: Program, tenant: str, model: str) -> int:
    """Train now, judge on the last closed window, and take into use what is good enough."""

    async def work(ctx: Context) -> list[Version]:
        from kernel.models import run

        return await run.train(ctx, [model] if model else [])

    for version in _for_tenant(program, tenant, work):
        click.echo(f"{version.model} {version.number}: {version.state}. {version.reason}")
    return 0


@command.command()
@tenant_option
@model_option
@pass_program
def score(program: Program, tenant: str, model: str) -> int:
    """Write the traits of every customer by the models in use."""

    async def work(ctx: Context) -> dict[str, Scoring]:
        from kernel.models import run

        return await run.score(ctx, [model] if model else [])

    found = _for_tenant(program, tenant, work)
    for name, done in found.items():
        click.echo(f"{name}: {done.customers:,} customers, {done.written:,} traits changed.")
    if not found:
        click.echo("No model is in use: run `mailwright models train` first.")
    return 0


@command.command()
@tenant_option
@click.option("--model", required=True, help="Which model.")
@click.option("--to", type=int, help="The number of a version; default: the one before.")
@pass_program
def rollback(program: Program, tenant: str, model: str, to: int | None) -> int:
    """Put an earlier version into use again, and score everyone by it."""

    async def work(ctx: Context) -> Version:
        from kernel.models import run

        return await run.rollback(ctx, model, to)

    version = _for_tenant(program, tenant, work)
    click.echo(f"{model}: version {version.number} is in use.")
    return 0


def _for_tenant(
    program: Program, tenant: str, work: Callable[[Context], Coroutine[Any, Any, T]]
) -> T:
    """What `work` returns, given the tenant's detached context."""

    async def inside(core: Core) -> T:
        return await work(await core.detached(tenant, actor="command line"))

    return program.run(inside)


def _model(program: Program, name: str) -> Owned[Model]:
    from kernel.contracts.errors import NotFound

    owned = program.board.models.get(name)
    if owned is None:
        known = ", ".join(sorted(program.board.models)) or "none; install a plugin that has one"
        raise NotFound(f"There is no model `{name}`.", f"Installed models: {known}.")
    return owned


def _recommender(program: Program, name: str) -> Owned[Any]:
    from kernel.contracts.errors import NotFound
    from kernel.contracts.models import Recommender

    if name:
        found = [_model(program, name)]
    else:
        found = list(program.board.models.values())
    for owned in found:
        if isinstance(owned.value, Recommender):
            return owned
    what = f"The model `{name}` recommends no" if name else "No installed model recommends"
    raise NotFound(
        f"{what} products.",
        "Install a plugin whose model has `recommend` and `next_order`, such as affinity.",
    )


def _settings(program: Program, owned: Owned[Any]) -> Any:
    return program.board.plugins[owned.plugin].manifest.settings()


def _moment(text: str) -> datetime:
    import polars as pl

    from kernel.contracts.errors import InvalidInput
    from kernel.models.cells import moments

    found: datetime | None = moments(pl.Series([text]))[0]
    if found is None or not 1900 <= found.year <= 2200:
        said = "not a date" if found is None else "no date a shop can have"
        raise InvalidInput(f"--as-of {text!r} is {said}.", "Write it as 2011-09-10.")
    return found


def _products(orders: Path, as_of: datetime) -> tuple[Any, Any]:
    """The history, and the type of the file's SKUs."""
    from kernel.contracts.errors import InvalidInput
    from kernel.models.files import ORDERS_FIX, clean
    from kernel.models.tables import read_table

    raw = read_table(orders, "The file of orders", ORDERS_FIX)
    if "sku" not in raw.columns:
        raise InvalidInput(
            "Recommendations need a row a line: the column sku is missing.",
            "Give customer_id, order_id, ordered_at, sku, quantity and unit_price.",
        )
    return clean(raw, as_of), raw["sku"].dtype


def _write(frame: pl.DataFrame, path: Path) -> None:
    import polars as pl

    from kernel.contracts.errors import InvalidInput

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        frame.write_csv(path) if path.suffix == ".csv" else frame.write_parquet(path)
    except (OSError, pl.exceptions.PolarsError) as error:
        said = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise InvalidInput(f"`{path}` cannot be written: {said}.") from error


def _flat(found: Evaluation) -> dict[str, Any]:
    """The evaluation as one object: the measures beside n and base_rate."""
    import msgspec

    facts: dict[str, Any] = msgspec.structs.asdict(found)
    return {**facts.pop("metrics"), "abstained": bool(found.missing), **facts}


def _print_json(facts: Any) -> None:
    import msgspec

    from kernel.models.store import plain_json

    click.echo(msgspec.json.format(plain_json(facts)))


def _print_evaluation(model: Model, found: Evaluation, noticed: dict[str, int]) -> None:
    click.secho(f"{model.title} ({found.model} {found.version})", bold=True)
    click.echo(f"as of {found.as_of:%Y-%m-%d %H:%M} UTC, {found.horizon_days} days ahead")
    if found.missing:
        click.echo("It says nothing here:")
        for sentence in found.missing:
            click.echo(f"  - {sentence}")
    else:
        rate = "" if found.base_rate is None else f", base rate {found.base_rate:.3f}"
        click.echo(f"n {found.n:,}{rate}\nmethod {found.method}: {found.why}\n")
        names = list(found.metrics)
        width = max(map(len, [found.method, "method", *found.baselines]))
        click.echo("  ".join(["method".ljust(width), *(name.rjust(11) for name in names)]))
        for title, row in {found.method: found.metrics, **found.baselines}.items():
            cells = (_figure(row.get(name)).rjust(max(11, len(name))) for name in names)
            click.echo("  ".join([title.ljust(width), *cells]))
    for sentence in found.notes:
        click.echo(f"note: {sentence}")
    _print_noticed(noticed)


def _figure(value: float | None) -> str:
    return "–" if value is None or value != value else f"{value:.4f}"


def _print_noticed(noticed: dict[str, int]) -> None:
    if noticed:
        parts = (f"{times:,} {what.replace('_', ' ')}" for what, times in noticed.items())
        click.echo(f"rows of the file: {', '.join(parts)}", err=True)


def _told(found: pl.Series, asked: pl.Series, what: str, history: History, as_of: datetime) -> int:
    click.echo(f"{found.n_unique():,} of {asked.n_unique():,} {what} have recommendations.")
    sold = history.lines.filter(
        history.lines["ordered_at"] < as_of,
        history.lines["is_product"],
        history.lines["quantity"] > 0,
    )
    if not sold["sku"].count():
        click.echo(f"There is no order with a product before {as_of:%Y-%m-%d} to learn from.")
    _print_noticed(history.noticed)
    return 0
