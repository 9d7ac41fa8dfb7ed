"""docs/hooks.md, made from `kernel/hookspecs.py` and the plugins that implement it."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from typing import Any

from kernel import hookspecs
from kernel.contracts import plugins as contracts
from kernel.hookspecs import Policy
from kernel.plugboard.board import Plugboard
from kernel.plugboard.imports import ADMIN
from kernel.plugboard.parts import Plugin
from kernel.plugboard.plans import POLICIES, SPECS

_GROUP = re.compile(r"# --- (.+?) -+")
_IGNORE = re.compile(r"\s*# type: ignore\[.*?\]")
_INTRODUCTION = """\
# Hooks

Everything a plugin can do. This page is generated from `kernel/hookspecs.py` by `make docs`, and a test
keeps it true. How to write a plugin: [writing-plugins.md](writing-plugins.md).

{about}

A plugin that raises, hangs past the deadline, or answers something its hook does not allow is named on the
tenant's health board, and what it wrote in that call is taken back. The last plugin of a FIRST call keeps
a fifth of the deadline for itself, so that a decider that hangs does not silence the rules behind it.

"""


def hooks_markdown(board: Plugboard) -> str:
    """The text of docs/hooks.md; examples are taken from the plugins of our own distribution."""
    source = inspect.getsource(hookspecs)
    groups = [(match.start(), match[1]) for match in _GROUP.finditer(source)]
    lines = [_INTRODUCTION.format(about=_about())]
    shown = ""
    for name, spec in SPECS.items():
        at = source.index(f"def {name}(")
        group = next(title for start, title in reversed(groups) if start < at)
        if group != shown:
            lines += [f"## {group}\n"]
            shown = group
        lines += _hook(name, spec, board)
    lines += ["## The manifest\n", *_manifest()]
    return "\n".join(lines).rstrip() + "\n"


def signature(function: Callable[..., Any]) -> str:
    """The head of a function as it is written: `async def …` or `def …`, without its body."""
    text = inspect.getsource(inspect.unwrap(function))
    text = text[re.search(r"^(async )?def ", text, re.MULTILINE).start() :]  # type: ignore[union-attr]
    body: Any = ast.parse(text).body[0]
    head = "\n".join(text.splitlines()[: body.body[0].lineno - 1])
    return _IGNORE.sub("", head).rstrip().removesuffix(":")


def _about() -> str:
    """The module's docstring without its first line; its table of policies stays a table."""
    text = inspect.getdoc(hookspecs) or ""
    _, _, rest = text.partition("\n\n")
    return rest.strip()


def _hook(name: str, spec: Callable[..., Any], board: Plugboard) -> Iterator[str]:
    policy = POLICIES[name]
    colour = "`def`, once at boot" if policy is Policy.DECLARE else "`async def`"
    yield f"### {name}\n"
    yield f"```python\n{signature(spec)}\n```\n"
    yield f"{policy.name} · {colour}\n"
    yield (inspect.getdoc(spec) or "") + "\n"
    ours = [p for p in board.plugins.values() if name in p.hooks and _is_ours(p)]
    if ours:
        example = min(ours, key=lambda plugin: (plugin.name == ADMIN, plugin.name))
        function = getattr(example.module, name)
        used = ", ".join(sorted(f"`{plugin.name}`" for plugin in ours))
        yield f"Implemented by {used}. In `{example.name}`:\n"
        yield f"```python\n{textwrap.dedent(inspect.getsource(function)).rstrip()}\n```\n"


def _is_ours(plugin: Plugin) -> bool:
    return plugin.distribution.split(" ")[0] == "mailwright"


def _manifest() -> Iterator[str]:
    yield "`MANIFEST` in `plugin.py`, kept in `manifest.py`. A field without a default must be given.\n"
    yield "| field | type | default | |\n|---|---|---|---|"
    tree = ast.parse(textwrap.dedent(inspect.getsource(contracts.Manifest)))
    body = tree.body[0].body  # type: ignore[attr-defined]
    for node, following in zip(body, [*body[1:], None], strict=True):
        if not isinstance(node, ast.AnnAssign):
            continue
        said = ""
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            said = " ".join(inspect.cleandoc(str(following.value.value)).split())
        default = f"`{ast.unparse(node.value)}`" if node.value else ""
        kind = ast.unparse(node.annotation).replace("|", "\\|")
        yield f"| `{ast.unparse(node.target)}` | `{kind}` | {default} | {said} |"
