"""The plugin that `mailwright plugins new` writes: real files, with a name to be replaced."""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoints, distribution, entry_points
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote

import msgspec

from kernel.contracts.errors import Conflict, InvalidInput
from kernel.plugboard.load import GROUP

HERE = Path(__file__).parent
_SUFFIX = ".tmpl"  # so that no tool takes the files for code of the kernel


def write_skeleton(name: str, folder: Path) -> list[Path]:
    """Writes a plugin called `name` into `folder` and returns its files.

    Raises:
        InvalidInput: the name cannot be a plugin's.
        Conflict: the folder is not empty; nothing was written.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]{1,29}", name) or name.endswith("_"):
        raise InvalidInput(
            f"`{name}` cannot be the name of a plugin.",
            "Use 2 to 30 lower-case letters, digits or underscores, beginning with a letter.",
        )
    if keyword.iskeyword(name) or name == "tests" or find_spec(name) or _installed(name):
        raise InvalidInput(
            f"`{name}` is a plugin or module that already exists.", "Choose a name of your own."
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Conflict(f"{folder} exists and is not empty.", "Choose another folder with --dir.")
    written = []
    for path, text in skeleton_files(name):
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.name == "pyproject.toml":
            text += _checkout()
        target.write_text(text, encoding="utf-8")
        written.append(target)
    return written


def _checkout() -> str:
    """Where uv finds Mailwright when it runs from a checkout and not from an index."""
    said = distribution("mailwright").read_text("direct_url.json")
    url = msgspec.json.decode(said)["url"] if said else ""
    if not url.startswith("file://") or not Path(folder := unquote(url[7:])).is_dir():
        return ""
    source = f'mailwright = {{ path = "{folder}", editable = true }}'
    return f"\n# Only on this machine: the checkout of Mailwright.\n[tool.uv.sources]\n{source}\n"


def _installed(name: str) -> EntryPoints:
    return entry_points(group=GROUP, name=name)


def skeleton_files(name: str = "my_plugin") -> Iterator[tuple[Path, str]]:
    """Yields (path, text) of each file of a plugin called `name`."""
    words = name.split("_")
    for source in sorted(HERE.rglob(f"*{_SUFFIX}")):
        path = str(source.relative_to(HERE)).removesuffix(_SUFFIX).replace("my_plugin", name)
        text = source.read_text(encoding="utf-8").replace("my_plugin", name)
        text = text.replace("my-plugin", name.replace("_", "-"))
        text = text.replace("MyPlugin", "".join(map(str.capitalize, words)))
        yield Path(path), text.replace("My plugin", " ".join(words).capitalize())
