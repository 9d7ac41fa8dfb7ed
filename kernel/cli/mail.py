"""`mailwright mail …`: a campaign's mail as customers see it, and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.contracts.delivery import Rendered
    from kernel.pipeline.previews import Checked
    from kernel.tenancy.core import Core


@click.group()
def command() -> None:
    """Mails: write one to a file to look at it, and find what is wrong with them."""


@command.command()
@click.argument("tenant")
@click.argument("campaign", type=click.UUID)
@click.option("--variant", default="", help="Default: the one that most customers get.")
@click.option("--dark", is_flag=True, help="As a dark mail program shows it.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
@pass_program
def preview(
    program: Program, tenant: str, campaign: UUID, variant: str, dark: bool, out: Path
) -> int:
    """Write the mail of CAMPAIGN, for one of its customers, to a file; its text goes beside it."""
    from kernel.mail.showing import shown

    made = program.run(lambda core: _preview(core, tenant, campaign, variant))
    out.write_text(shown(made.html, "dark") if dark else made.html, encoding="utf-8")
    text = out.with_suffix(".txt")
    text.write_text(made.text, encoding="utf-8")
    click.echo(f"{made.subject}\n    {out}: {len(made.html.encode()):,} bytes\n    {text}")
    return 0


@command.command()
@click.argument("tenant")
@click.argument("campaign", type=click.UUID)
@pass_program
def lint(program: Program, tenant: str, campaign: UUID) -> int:
    """Say what is wrong with every mail of CAMPAIGN. Exits 1 when something stops its approval."""
    found = program.run(lambda core: _lint(core, tenant, campaign))
    for one in found:
        click.echo(f"{click.style(one.variant, bold=True)}: {len(one.findings) or 'no'} findings")
        for finding in one.findings:
            click.echo(
                f"    {finding.severity:5}  {finding.rule}: {finding.sentence} {finding.advice}"
            )
    if not found:
        click.echo("Nobody would be written to, so there is no mail.")
    return int(any(f.severity == "block" for one in found for f in one.findings))


async def _preview(core: Core, tenant: str, campaign: UUID, variant: str) -> Rendered:
    from kernel.contracts.errors import NotFound
    from kernel.pipeline import campaigns, variants

    async with core.tenant_scope(tenant) as ctx:
        await campaigns.get(ctx, campaign)
        listed = await variants.listing(ctx, campaign)
        if not listed:
            raise NotFound("The campaign has no words.", "See `mailwright campaigns list`.")
        return await variants.preview(ctx, campaign, variant or listed[0].name)


async def _lint(core: Core, tenant: str, campaign: UUID) -> list[Checked]:
    from kernel.pipeline import campaigns, previews

    async with core.tenant_scope(tenant) as ctx:
        await campaigns.get(ctx, campaign)
        return await previews.check(ctx, campaign)
