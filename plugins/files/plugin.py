"""The hooks of the files plugin."""

from __future__ import annotations

from collections.abc import Sequence

import click

from kernel.sdk import hookimpl
from plugins.files.commands import export, import_
from plugins.files.manifest import MANIFEST

__all__ = ["MANIFEST", "commands"]


@hookimpl
def commands() -> Sequence[click.Command]:
    """`import` and `export`."""
    return (import_, export)
