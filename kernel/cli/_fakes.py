"""What the commands that serve a fake share: their options, and the serving."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from kernel.testing.claude import FakeClaude
    from kernel.testing.sendgrid import FakeSendGrid


def options(port: int, example: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """`--port`, `--fault` and `--latency`.

    Args:
        port: the usual one.
        example: faults, in words.
    """

    def add(command: Callable[..., None]) -> Callable[..., None]:
        for option in (
            click.option("--latency", default=0.0, show_default=True, help="Seconds an answer takes."),
            click.option(
                "--fault", "faults", multiple=True, metavar="KIND[:SHARE]",
                help=f"What fails, and for which share of requests: {example}.",
            ),
            click.option(
                "--port", default=port, show_default=True, help="Where to listen; 0 for any free one."
            ),
        ):  # fmt: skip
            command = option(command)
        return command

    return add


def serve(
    fake: FakeClaude | FakeSendGrid, name: str, faults: tuple[str, ...], last: Callable[[], str]
) -> None:
    """Serves until told to stop.

    Args:
        fake: made, and not begun.
        name: of the variables that clients read, without `_BASE_URL` and `_API_KEY`.
        faults: `KIND[:SHARE]`.
        last: what is said at the end.
    """
    from kernel.runtime.stopping import stop_event
    from kernel.testing.faults import ENDLESS

    async def work() -> None:
        stop = stop_event()
        async with fake:
            for fault in faults:
                kind, _, share = fault.partition(":")
                try:
                    fake.fail(kind, ENDLESS, share=float(share or 1))
                except ValueError as error:
                    raise click.BadParameter(str(error), param_hint="--fault") from error
            click.echo(f"{name}_BASE_URL={fake.url}")
            click.echo(f"{name}_API_KEY={fake.api_key}")
            await stop.wait()
            click.echo(last())

    asyncio.run(work())
