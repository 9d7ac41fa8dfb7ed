"""The demo on a terminal: steps with their seconds, a bar for the days, and a table at the end.

Everything but the summary goes to standard error, so that standard output can be read by a program.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click
from rich.box import SIMPLE
from rich.console import Console
from rich.markup import escape
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from kernel.sdk import why
from plugins.sandbox.report import LAW, CampaignLine, Summary, Totals
from plugins.sandbox.turn import Day


class Screen:
    """What the demo says, and where."""

    def __init__(self) -> None:
        self.err = Console(stderr=True, highlight=False)
        self.out = Console(highlight=False)

    def say(self, text: str) -> None:
        """A line or two."""
        self.err.print(escape(text), soft_wrap=True)

    @contextmanager
    def step(self, title: str) -> Iterator[Callable[[str], None]]:
        """One line for a step: its title, what came of it, its seconds. Call the value with what
        came of it.
        """
        said: list[str] = []
        began = time.perf_counter()
        with self.err.status(f"{title} …"):
            yield said.append
        seconds = time.perf_counter() - began
        self.err.print(
            f"[green]✓[/] [bold]{title:<20}[/] {escape(' '.join(said))} [dim]{seconds:.1f} s[/]",
            soft_wrap=True,
        )

    def story(self, story: why.Story) -> None:
        """The first decision, in words."""
        record = story.record
        text = "\n".join(escape(sentence) for sentence in story.sentences)
        tail = f"[dim]mailwright why {record.customer_id} --tenant {record.tenant_id}[/]"
        self.err.print(Panel(f"{text}\n{tail}", title="The first decision", expand=False))

    @contextmanager
    def days(self, count: int) -> Iterator[Callable[[Day, Totals], None]]:
        """A bar for the days; call the value with each day that is over."""
        columns = (
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
        )
        began = time.perf_counter()
        orders = joined = 0
        with Progress(*columns, console=self.err, transient=True) as progress:
            task = progress.add_task("Turning the clock", total=count, note="")

            def show(day: Day, totals: Totals) -> None:
                nonlocal orders, joined
                orders += day.lived.orders
                joined += day.lived.joined
                note = (
                    f"{day.day:%d %b}: {orders:,} orders, {totals.campaigns} campaigns, "
                    f"{totals.decisions:,} decisions, {totals.messages:,} messages"
                )
                progress.update(task, advance=1, note=note)

            yield show
            note = str(progress.tasks[task].fields["note"]).partition(": ")[2]
        self.err.print(
            f"[green]✓[/] [bold]{f'{count} days':<20}[/] {joined:,} new customers, {note} "
            f"[dim]{time.perf_counter() - began:.1f} s[/]",
            soft_wrap=True,
        )

    def summary(self, summary: Summary) -> None:
        """The conservation law, one column a campaign type, and what waits for a person."""
        by_type: dict[str, list[CampaignLine]] = {}
        for line in summary.campaigns:
            by_type.setdefault(line.type, []).append(line)  # titles are too wide for 80 columns
        columns = [*by_type.values(), list(summary.campaigns)]
        table = Table(
            title="Where everybody is: audience = the sum of the rows below it", box=SIMPLE
        )
        for name in ("", *by_type, "all"):
            table.add_column(escape(name), justify="right" if name else "left")
        table.add_row("campaigns", *(f"{len(lines):,}" for lines in columns))
        for name in ("audience", *LAW):
            sums = (f"{sum(getattr(line, name) for line in lines):,}" for lines in columns)
            table.add_row(name.replace("_", " "), *sums, end_section=name == "audience")
        self.out.print(table)
        states = Counter(line.status for line in summary.campaigns)
        told = ", ".join(f"{count} {status}" for status, count in states.most_common())
        self.out.print(
            f"{summary.customers:,} customers, {summary.decisions:,} decisions, "
            f"{summary.messages:,} messages in {summary.seconds:.1f} s. Campaigns: {told or 'none'}."
        )

    def address(self, link: str, tenant_id: str) -> None:
        """Where to look now. The link stands alone: a frame would break it."""
        self.out.print(
            "\n[bold]The admin runs, and campaigns wait for you.[/] Sign in with this link:\n"
        )
        click.echo(link)
        self.out.print(
            "\n[dim]It works once, within half an hour. "
            f"Another one: mailwright login --tenant {tenant_id}\n"
            f"One more day: mailwright sandbox turn --tenant {tenant_id}\n"
            "Stop it with control-C; everything is kept.[/]",
            soft_wrap=True,
        )
