"""`mailwright fake-sendgrid`: a SendGrid for trials and benchmarks, on this machine, in a process of its own."""

from __future__ import annotations

from pathlib import Path

import click

from kernel.cli._fakes import options, serve


@click.command()
@options(8766, "`503:0.1`, `drop_after:0.05`, `429`")
@click.option("--seed", default=0, show_default=True, help="Of ids, lots and events.")
@click.option("--keep", default=2000, show_default=True, help="Requests kept in full.")
@click.option(
    "--folder", type=Path, help="Where the record of what was accepted is kept meanwhile."
)
def command(
    port: int, faults: tuple[str, ...], latency: float, seed: int, keep: int, folder: Path | None
) -> None:
    """Serve a fake SendGrid, until told to stop."""
    from kernel.testing.sendgrid import FakeSendGrid

    fake = FakeSendGrid(port, seed=seed, keep=keep, folder=folder)
    fake.latency = latency

    def last() -> str:
        totals = fake.totals()
        return (
            f"{totals['accepted']:,} accepted in {totals['requests']:,} requests, "
            f"{totals['twice']:,} messages more than once"
        )

    serve(fake, "SENDGRID", faults, last)
