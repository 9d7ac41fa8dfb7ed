"""`mailwright keys …`: change MAILWRIGHT_SECRET without losing what was made under the former one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from kernel.cli.program import Program, pass_program
from kernel.cli.tenants import actor, as_json, print_json

if TYPE_CHECKING:
    from kernel.profiles.rotation import Resting
    from kernel.tenancy.core import Core

    Found = dict[str, list[Resting]]
    """By tenant what rests on each secret; last what rests on one that is not set."""

MOVED = {
    "persons": "keys of evidence",
    "suppressions": "suppressions",
    "encrypted": "rows of plugins",
}
"""What `rotate` brings over."""
COLUMNS = {**MOVED, "entries": "seals", "anchors": "anchors", "mails": "mails"}
NOT_SET = "not set"
LOST = {
    "mails": "the links in up to {:,} mails are dead, and nobody can unsubscribe by them",
    "suppressions": "{:,} suppressions are not recognised, and nothing more is sent",
    "persons": "the evidence of {:,} persons cannot be read",
    "encrypted": "{:,} rows of plugins cannot be read",
    "entries": "{:,} seals of consents cannot be checked",
    "anchors": "{:,} signed heads of the consent ledger cannot be checked",
}


@click.group()
def command() -> None:
    """The installation's secret: what rests on a former one, and bringing it over to the new one."""


@command.command()
@as_json
@pass_program
def status(program: Program, json: bool) -> int:
    """Count what rests on which secret, and say whether an old one may be dropped.

    Exits 1 where something rests on a secret that is not set.
    """
    marks, found = program.run(_status)
    names = [*marks, NOT_SET]
    lost = any(not rows[-1].nothing for rows in found.values())
    if json:
        tenants = {tenant: dict(zip(names, rows, strict=True)) for tenant, rows in found.items()}
        print_json({"secrets": marks, "tenants": tenants})
        return int(lost)
    for name, mark in marks.items():
        click.echo(f"{name:<10}{mark}")
    for tenant, rows in found.items():
        if not all(row.nothing for row in rows):
            click.echo(f"\n{tenant:<24}" + "".join(f"{name:>12}" for name in names))
            for key, title in COLUMNS.items():
                counts = "".join(f"{getattr(row, key):>12,}" for row in rows)
                click.echo(f"  {title:<22}{counts}")
    for number, name in enumerate(marks):
        if number:
            click.echo()
            _tell(name, [rows[number] for rows in found.values()])
    if lost:
        click.echo(
            "\nSomething rests on a secret that is not set: evidence cannot be read, and where it is "
            "suppressions, nothing is sent.\nAdd the former MAILWRIGHT_SECRET to MAILWRIGHT_OLD_SECRETS."
        )
    return int(lost)


@command.command()
@click.option("--dry-run", is_flag=True, help="Only say what would be brought over.")
@pass_program
def rotate(program: Program, dry_run: bool) -> int:
    """Bring over to MAILWRIGHT_SECRET what an old one opens, shop by shop.

    Mails go out meanwhile. Stop it at any time and run it again.
    """
    if dry_run:
        for tenant, rows in program.run(_status)[1].items():
            click.echo(f"{tenant}: {_listed(rows[1:-1])}")
        click.echo(
            "Nothing was changed. Suppressions of addresses that no customer has stay as they are."
        )
    elif program.run(_rotate):
        click.echo("Done. `mailwright keys status` says what still rests on an old secret.")
    else:
        click.echo(
            "Nothing to do: MAILWRIGHT_OLD_SECRETS is empty. docs/keys.md says how to begin."
        )
    return 0


async def _status(core: Core) -> tuple[dict[str, str], Found]:
    """What each secret is called on screen -> its fingerprint; and what rests on each."""
    from kernel.profiles.rotation import resting
    from kernel.tenancy.keys import fingerprint

    secrets = (core.links.secret, *core.links.old_secrets)
    marks = {f"old {n}" if n else "current": fingerprint(one) for n, one in enumerate(secrets)}
    found: Found = {}
    for tenant in await core.tenants("keys status"):
        async with core.tenant_scope(tenant) as ctx:
            found[tenant] = await resting(ctx)
    return marks, found


async def _rotate(core: Core) -> bool:
    """False: there is no old secret."""
    from kernel.profiles.rotation import rotate as bring_over

    for tenant in await core.tenants("keys rotate") if core.links.old_secrets else ():
        sums = dict.fromkeys(MOVED, 0)

        def progress(what: str, count: int, tenant: str = tenant, sums: Any = sums) -> None:
            sums[what] += count
            click.echo(f"\r{tenant}: {sums[what]:,} {MOVED[what]}", nl=False, err=True)

        done = await bring_over(await core.detached(tenant, actor=actor()), progress)
        if not done.nothing:
            click.echo(err=True)
        click.echo(f"{tenant}: {_listed([done])}")
    return bool(core.links.old_secrets)


def _listed(rows: list[Resting]) -> str:
    """What of these is brought over, in words."""
    sums = {title: sum(getattr(row, key) for row in rows) for key, title in MOVED.items()}
    return ", ".join(f"{count:,} {title}" for title, count in sums.items() if count) or "nothing"


def _tell(name: str, rows: list[Resting]) -> None:
    """Whether this old secret may be dropped, and what would be lost with it."""
    sums = {key: sum(getattr(row, key) for row in rows) for key in LOST}
    if not any(sums.values()):
        click.echo(f"{name}: nothing rests on it; you may drop it.")
        return
    click.echo(f"{name}: keep it in MAILWRIGHT_OLD_SECRETS. Without it:")
    for key, text in LOST.items():
        if sums[key]:
            click.echo(f"  - {text.format(sums[key])}")
    if any(sums[key] for key in ("persons", "encrypted")):
        click.echo("  `mailwright keys rotate` brings over what can be.")
