"""`mailwright doctor`: what is wrong with this installation, and what to do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from kernel.cli.program import Program, pass_program

if TYPE_CHECKING:
    from kernel.runtime.doctor import Check


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print the checks as JSON.")
@pass_program
def command(program: Program, as_json: bool) -> int:
    """Check database, roles, Redis, secrets, tenants and plugins; exit 1 on a problem."""
    from kernel.contracts.errors import InvalidConfig
    from kernel.runtime.doctor import Check, examine

    async def look() -> list[Check]:
        return [check async for check in examine(program.settings, lambda: program.board)]

    try:
        found = [Check(name="settings", ok=bool(program.settings), detail="valid")]
        found += program.wait(look())
    except InvalidConfig as error:
        found = [
            Check(name="settings", ok=False, detail=problem, fix=error.fix)
            for problem in error.problems or (error.message,)
        ]
    _print_json(found) if as_json else _print_table(found)
    return 0 if all(check.ok for check in found) else 1


def _print_json(found: list[Check]) -> None:
    import msgspec

    report = {"ok": all(check.ok for check in found), "checks": found}
    click.echo(msgspec.json.format(msgspec.json.encode(report)).decode())


def _print_table(found: list[Check]) -> None:
    width = max(len(check.name) for check in found)
    for check in found:
        mark = click.style("ok     ", fg="green") if check.ok else click.style("problem", fg="red")
        click.echo(f"{mark}  {check.name:{width}}  {check.detail}")
        if not check.ok:
            click.echo(f"{'':{width + 11}}fix: {check.fix}")
    bad = sum(not check.ok for check in found)
    click.echo(f"\n{bad} problem{'s' * (bad != 1)}." if bad else "\nEverything is in order.")
