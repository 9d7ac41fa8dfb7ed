"""`mailwright fake-claude`: a Claude for trials without a key and without cost, on this machine."""

from __future__ import annotations

import asyncio

import click


@click.command()
@click.option(
    "--port", default=8765, show_default=True, help="Where to listen; 0 for any free one."
)
@click.option(
    "--fault",
    "faults",
    multiple=True,
    metavar="KIND[:SHARE]",
    help="What fails, and for which share of requests: `529:0.1`, `truncated:0.05`, `429`.",
)
@click.option("--latency", default=0.0, show_default=True, help="Seconds an answer takes.")
@click.option("--polls", default=3, show_default=True, help="Polls after which a batch has ended.")
def command(port: int, faults: tuple[str, ...], latency: float, polls: int) -> None:
    """Serve a fake Claude that answers every schema, until told to stop."""
    from kernel.runtime.stopping import stop_event
    from kernel.testing.claude import FakeClaude

    async def work() -> None:
        stop = stop_event()
        async with FakeClaude(port) as fake:
            fake.record.keeps = False
            fake.latency = latency
            fake.batches.polls = polls
            for fault in faults:
                kind, _, share = fault.partition(":")
                try:
                    fake.fail(kind, share=float(share or 1))
                except ValueError as error:
                    raise click.BadParameter(str(error), param_hint="--fault") from error
            click.echo(f"ANTHROPIC_BASE_URL={fake.base_url}")
            click.echo(f"ANTHROPIC_API_KEY={fake.api_key}")
            await stop.wait()
            told = (f"{name} {count:,}" for name, count in sorted(fake.record.totals.items()))
            click.echo(", ".join(told) or "Nothing was asked.")

    asyncio.run(work())
