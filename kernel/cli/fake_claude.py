"""`mailwright fake-claude`: a Claude for trials without a key and without cost, on this machine."""

from __future__ import annotations

import click

from kernel.cli._fakes import options, serve


@click.command()
@options(8765, "`529:0.1`, `truncated:0.05`, `429`")
@click.option("--polls", default=3, show_default=True, help="Polls after which a batch has ended.")
def command(port: int, faults: tuple[str, ...], latency: float, polls: int) -> None:
    """Serve a fake Claude that answers every schema, until told to stop."""
    from kernel.testing.claude import FakeClaude

    fake = FakeClaude(port)
    fake.record.keeps = False
    fake.latency, fake.batches.polls = latency, polls

    def last() -> str:
        told = (f"{name} {count:,}" for name, count in sorted(fake.record.totals.items()))
        return ", ".join(told) or "Nothing was asked."

    serve(fake, "ANTHROPIC", faults, last)
