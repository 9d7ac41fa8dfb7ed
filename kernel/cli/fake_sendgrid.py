"""`mailwright fake-sendgrid`: a SendGrid for trials and benchmarks, on this machine, in a process of its own."""

from __future__ import annotations

import asyncio
from pathlib import Path

import click


@click.command()
@click.option(
    "--port", default=8766, show_default=True, help="Where to listen; 0 for any free one."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[:SHARE]",
    help="What fails, and for which share of mails: `503:0.1`, `drop_after:0.05`, `429`.",
)
@click.option("--seed", default=0, show_default=True, help="Of ids, lots and events.")
@click.option("--latency", default=0.0, show_default=True, help="Seconds an answer takes.")
@click.option("--keep", default=2000, show_default=True, help="Requests kept in full.")
@click.option(
    "--folder", type=Path, help="Where the record of what was accepted is kept meanwhile."
)
def command(
    port: int, faults: tuple[str, ...], seed: int, latency: float, keep: int, folder: Path | None
) -> None:
    """Serve a fake SendGrid, until told to stop."""
    from kernel.runtime.stopping import stop_event
    from kernel.testing.sendgrid import FakeSendGrid

    async def work() -> None:
        stop = stop_event()
        async with FakeSendGrid(port, seed=seed, keep=keep, folder=folder) as fake:
            fake.latency = latency
            for fault in faults:
                kind, _, share = fault.partition(":")
                try:
                    fake.fail(kind, times=2**62, share=float(share or 1))
                except ValueError as error:
                    raise click.BadParameter(str(error), param_hint="--fault") from error
            click.echo(f"SENDGRID_BASE_URL={fake.url}")
            click.echo(f"SENDGRID_API_KEY={fake.api_key}")
            await stop.wait()
            totals = fake.totals()
            click.echo(
                f"{totals['accepted']:,} accepted in {totals['requests']:,} requests, "
                f"{totals['twice']:,} messages more than once"
            )

    asyncio.run(work())
