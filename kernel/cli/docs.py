"""`mailwright docs`: writes the pages of docs/ that are made from the code."""

from __future__ import annotations

from pathlib import Path

import click

from kernel.cli.program import Program, pass_program


@click.command(hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), default=Path("docs"))
@pass_program
def command(program: Program, folder: Path) -> None:
    """Write the generated pages; tests compare them with the code."""
    from kernel.models.reference import with_features
    from kernel.plugboard.reference import hooks_markdown
    from kernel.plugboard.snippets import refresh
    from kernel.runtime.settings_docs import settings_markdown

    pages = {"hooks.md": hooks_markdown(program.board), "settings.md": settings_markdown()}
    for path in sorted(folder.glob("*.md")):
        text = path.read_text(encoding="utf-8")
        if path.name not in pages and ("<!-- from " in text or "<!-- features -->" in text):
            pages[path.name] = with_features(refresh(text, folder.absolute().parent))
    for name, text in pages.items():
        (folder / name).write_text(text, encoding="utf-8")
        click.echo(f"{folder / name}")
