"""Mails that came back, one by one: each is a transaction of its own, and moved when that is committed.

Killed in between, a mail is read again, which changes nothing.
"""

from __future__ import annotations

import os
from collections import Counter
from typing import TYPE_CHECKING

from kernel.sdk import InvalidInput, record_audit
from plugins.smtp.reports import LARGEST
from plugins.smtp.returned import Taken, take

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from kernel.sdk import Context

SEEN = ":2,S"


class _DryRun(Exception):
    """Takes the transaction back."""

    def __init__(self, taken: Taken) -> None:
        self.taken = taken


async def one(ctx: Context, raw: bytes, recipient: str = "", dry_run: bool = False) -> Taken:
    """What was made of a mail (`returned.take`), committed; or what would be.

    Args:
        ctx: the tenant, outside of any transaction.
        raw: the mail.
        recipient: the address that it came to, where that is known.
        dry_run: keep nothing.
    """
    try:
        async with ctx.transaction() as tx:
            taken = await take(tx, raw, recipient)
            if dry_run:
                raise _DryRun(taken)
    except _DryRun as dry:
        return dry.taken
    return taken


def waiting(folder: Path) -> list[Path]:
    """The new mails of a Maildir, the oldest first as their names go.

    Raises:
        InvalidInput: it is no Maildir.
    """
    new = folder / "new"
    if not new.is_dir():
        raise InvalidInput(f"{folder} is no Maildir.", "Name the folder that holds new/ and cur/.")
    with os.scandir(new) as found:
        names = [e.name for e in found if e.is_file(follow_symlinks=False) and e.name[0] != "."]
    return [new / name for name in sorted(names)]


async def every(
    ctx: Context, mails: Iterable[Path], dry_run: bool = False
) -> tuple[Counter[str], int]:
    """How many mails said what, in words; and how many could not be read or moved.

    An error of the database ends it; what was done until then is done.
    """
    counts: Counter[str] = Counter()
    kinds: Counter[str] = Counter()
    left = 0
    for path in mails:
        try:
            with path.open("rb") as file:
                raw = file.read(LARGEST)
        except FileNotFoundError:  # somebody else was faster
            continue
        except OSError:
            left += 1
            continue
        taken = await one(ctx, raw, dry_run=dry_run)
        counts[taken.words] += 1
        kinds[taken.what] += 1
        if not dry_run:
            left += not _done(path)
    if kinds and not dry_run:
        async with ctx.transaction() as tx:  # one line, not one a mail
            await record_audit(tx, "bounces.read", "", **kinds)
    return counts, left


def _done(path: Path) -> bool:
    """Move the mail to cur/, as seen; whether it is no longer in new/."""
    cur = path.parents[1] / "cur"
    try:
        cur.mkdir(exist_ok=True)
        path.rename(cur / f"{path.name.partition(':')[0]}{SEEN}")
    except FileNotFoundError:
        return not path.exists()
    except OSError:
        return False
    return True
