"""`mailwright bounce` and `mailwright dkim`. They import their work when they are asked for."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

TRY_AGAIN = 75
"""Exit code (EX_TEMPFAIL) at which mail servers keep the mail and hand it over again later."""


@click.command()
@click.argument("tenant")
@click.option(
    "--recipient", default="", help="The address that the mail came to [what its headers say]."
)
@click.option(
    "--maildir",
    type=click.Path(path_type=Path),
    help="Read the new mails of this folder instead, and move each that is done to its cur/.",
)
@click.option("--dry-run", is_flag=True, help="Tell what each mail says, and keep nothing.")
@click.pass_obj
def bounce(program: Any, tenant: str, recipient: str, maildir: Path | None, dry_run: bool) -> int:
    """Read a mail that came back to TENANT from standard input: a bounce or a complaint.

    For mail servers that hand such mails to a program. Exits 0 whatever the mail is, 75 when it could not
    be recorded: the mail server should try again then. The same mail twice changes nothing.
    """
    from kernel.sdk import KernelError

    if maildir is not None:
        return _maildir(program, tenant, maildir, dry_run)
    if sys.stdin.isatty():
        raise click.UsageError("There is no mail on standard input. Use `< FILE` or --maildir.")
    raw = _mail()
    try:
        taken = program.run(lambda core: _bounce(core, tenant, raw, recipient, dry_run))
        click.echo(f"{taken.message_id}: {taken.words}" if taken.message_id else taken.words)
        return 0
    except Exception as error:  # noqa: BLE001 - whatever it was, the mail must not be lost
        said = f"{error.message} {error.fix}" if isinstance(error, KernelError) else ""
        click.echo(f"not recorded: {said or type(error).__name__}", err=True)
        return TRY_AGAIN


def _mail() -> bytes:
    """What counts of the mail; the rest is read too, so that the server does not take us for broken."""
    from plugins.smtp.reports import LARGEST

    stream = sys.stdin.buffer
    raw = stream.read(LARGEST)
    while stream.read(LARGEST):
        pass
    return raw


async def _bounce(core: Any, tenant: str, raw: bytes, recipient: str, dry_run: bool) -> Any:
    from plugins.smtp.maildir import one

    return await one(await core.detached(tenant, actor="mail"), raw, recipient, dry_run)


def _maildir(program: Any, tenant: str, folder: Path, dry_run: bool) -> int:
    from rich.console import Console
    from rich.progress import track

    from plugins.smtp.maildir import every, waiting

    async def work(core: Any) -> Any:
        console = Console(stderr=True)
        mails = track(
            waiting(folder),
            "mails",
            console=console,
            transient=True,
            disable=not console.is_terminal,
        )
        return await every(await core.detached(tenant), mails, dry_run)

    counts, left = program.run(work)
    for words, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        click.echo(f"{count:>8,}  {words}")
    total = sum(counts.values())
    click.echo(f"{total:>8,}  read" + ("; nothing was kept, nothing moved" if dry_run else ""))
    if left:
        click.echo(f"{left:>8,}  could not be read or moved, and are still in new/", err=True)
    return 1 if left else 0


@click.command()
@click.argument("tenant")
@click.option(
    "--key",
    "path",
    required=True,
    type=click.Path(path_type=Path),
    help="The file of the private key; it is made where there is none.",
)
@click.option(
    "--selector", default="", help="The name of the key in the DNS [mw1; mw2 for Ed25519]."
)
@click.option("--ed25519", is_flag=True, help="A key for Ed25519, to sign beside one for RSA.")
@click.pass_obj
def dkim(program: Any, tenant: str, path: Path, selector: str, ed25519: bool) -> None:
    """Make a key that signs TENANT's mails, and print its DNS record. For a key that is there already, print
    the record again.
    """
    import re

    from plugins.smtp import account, keys
    from plugins.smtp.manifest import SELECTOR
    from plugins.smtp.signing import Key

    selector = selector or ("mw2" if ed25519 else "mw1")
    if not re.fullmatch(SELECTOR, selector) or len(selector) > 63:
        raise click.UsageError("A selector is made of letters, digits, dots and dashes.")
    domain = program.run(lambda core: _domain(core, tenant))
    private, made = keys.kept(path, ed25519)
    key = Key(selector, private)
    variable = account.variable_of(account.ED25519_KEY if ed25519 else account.KEY, tenant)
    setting = "dkim_selector_ed25519" if ed25519 else "dkim_selector"
    click.echo(f"{path} {'now holds' if made else 'holds'} the private key; show it to nobody.\n")
    click.echo(f"1. Publish this TXT record at {selector}._domainkey.{domain}\n\n{key.record}\n")
    click.echo(f"   or, in a zone file:\n\n{keys.zone_line(key, domain)}\n")
    click.echo(f"2. Where Mailwright runs, set {variable}={path.absolute()}")
    click.echo(f'3. In the settings of the plugin smtp, {setting} = "{selector}"; in those of')
    click.echo(f'   deliverability, add "{selector}" to selectors: its page checks the record.')


async def _domain(core: Any, tenant: str) -> str:
    from plugins.smtp.account import Account
    from plugins.smtp.manifest import SmtpSettings

    ctx = await core.detached(tenant)
    return Account(ctx.tenant.sender.email, SmtpSettings()).domain
