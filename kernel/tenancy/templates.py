"""Mail templates in the folders of tenants and resellers, and in the database.

tenants/<reseller>/templates/<campaign type or base>.mjml
tenants/<reseller>/<tenant>/templates/<campaign type or base>.mjml
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from kernel.contracts.base import Frozen, digest
from kernel.tenancy.checks import did_you_mean
from kernel.tenancy.toml import Problem

if TYPE_CHECKING:
    from kernel.contracts.context import Context
    from kernel.plugboard.board import Plugboard

BASE = "base"
LARGEST = 90_000
"""Bytes of a file at most."""

Check = Callable[["Plugboard", Mapping[str, str]], Mapping[str, "list[tuple[int | None, str]]"]]
"""(board, name -> source of all that one shop uses) -> name -> what is wrong, with lines. What a
template is belongs to a higher layer, so the check is handed in."""


class Override(Frozen):
    """One template of a shop, and the file it stands in."""

    source: str
    file: str


def unchecked(_: Plugboard, sources: Mapping[str, str]) -> dict[str, list[tuple[int | None, str]]]:
    """The check where none was handed in: refuses every template."""
    return {name: [(None, "Templates cannot be checked here.")] for name in sources}


def short(source: str) -> str:
    """What stands for a template in a difference."""
    return digest(source)[:12]


def read_folder(
    folder: Path, root: Path, board: Plugboard
) -> tuple[dict[str, Override], list[Problem]]:
    """Name -> template of every `.mjml` file in `folder`, and what cannot be read."""
    found: dict[str, Override] = {}
    problems = []
    for path in sorted(folder.glob("*.mjml")) if folder.is_dir() else ():
        file = str(path.relative_to(root.parent))
        name, text = path.stem, ""
        try:
            if name != BASE and name not in board.campaign_types:
                fix = did_you_mean(name, {BASE, *board.campaign_types}, otherwise="Rename it.")
                text = f"`{name}` is no campaign type of an installed plugin. {fix}"
            elif path.is_symlink() or folder.is_symlink() or not path.is_file():
                text = "must be a plain file, not a link. Put the template itself here."
            elif path.stat().st_size > LARGEST:
                text = f"is longer than {LARGEST} bytes. Shorten it."
            else:
                found[name] = Override(source=path.read_text(encoding="utf-8-sig"), file=file)
        except OSError as error:
            text = f"cannot be read: {error.strerror}."
        except UnicodeDecodeError:
            text = "is not UTF-8 text. Save it as UTF-8."
        if text:
            problems.append(Problem(file=file, line=None, message=text))
    return found, problems


def faults(board: Plugboard, check: Check, overrides: Mapping[str, Override]) -> Iterator[Problem]:
    """What is wrong with the templates that one shop uses."""
    sources = {name: one.source for name, one in overrides.items()}
    for name, found in check(board, sources).items() if sources else ():
        for line, text in found:
            yield Problem(file=overrides[name].file, line=line, message=text)


async def overrides(ctx: Context) -> dict[str, str]:
    """Name -> MJML of the tenant's own templates, `base` among them."""
    rows = await ctx.db.fetch(
        "SELECT name, source FROM tenancy_template WHERE tenant_id = $1", ctx.tenant.id
    )
    return {row["name"]: row["source"] for row in rows}
