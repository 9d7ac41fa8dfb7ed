"""`mailwright docs`: writes the pages of docs/ that are made from the code."""

from __future__ import annotations

from pathlib import Path

import click


@click.command(hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("docs"))
def command(folder: Path) -> None:
    """Write the generated pages; tests compare them with the code."""
    from kernel.runtime.settings_docs import settings_markdown

    for name, text in {"settings.md": settings_markdown()}.items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(f"{folder / name}")
