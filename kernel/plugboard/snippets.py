"""Snippets in documents are copied from files that tests run: the marker above each says from where.

<!-- from plugins/winback/plugin.py: subscriptions -->
```python
…
```
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

from kernel.contracts.errors import NotFound

_SNIPPET = re.compile(
    r"(?P<mark><!-- from (?P<path>[^\s:]+)(?:: (?P<names>[\w, ]+))? -->\n"
    r"```(?P<language>\w*)\n)(?P<text>.*?)(?=^```$)",
    re.DOTALL | re.MULTILINE,
)


def refresh(page: str, root: Path) -> str:
    """`page` with every marked snippet as its file, under `root`, has it now.

    Raises:
        NotFound: a marker names a file, or something in it, that does not exist.
    """
    return _SNIPPET.sub(lambda found: found["mark"] + _snippet(root, found), page)


def _snippet(root: Path, found: re.Match[str]) -> str:
    path = root / found["path"]
    if not path.is_file():
        raise NotFound(f"The snippet's file {found['path']} does not exist.")
    source = path.read_text(encoding="utf-8")
    if not found["names"]:
        return source
    parts = _parts(source)
    names = [name.strip() for name in found["names"].split(",")]
    if missing := [name for name in names if name not in parts]:
        raise NotFound(f"{found['path']} holds no {', '.join(missing)}.")
    return "\n\n\n".join(parts[name] for name in names) + "\n"


def _parts(source: str) -> dict[str, str]:
    """The functions, classes and values at the top of a module, by name, as they are written."""
    lines = source.splitlines()
    parts = {}
    for node in ast.parse(source).body:
        start = node.lineno
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                name = node.name
                start = min([start, *(mark.lineno for mark in node.decorator_list)])
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                pass
            case _:
                continue
        parts[name] = "\n".join(lines[start - 1 : node.end_lineno])
    return parts
