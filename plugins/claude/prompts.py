"""The prompts: files with a version line, known by the hash of their bytes."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Literal

from kernel.sdk import Frozen

FOLDER = Path(__file__).parent / "prompts"
Name = Literal["decide_customer", "decide_bucket", "write_copy"]


class Prompt(Frozen):
    """One prompt file."""

    name: str
    version: int
    text: str
    sha256: str
    """Of the file, version line included: 64 hexadecimal digits."""

    @property
    def policy(self) -> str:
        """What a decision names as its policy, such as `claude/decide_bucket/1`."""
        return f"claude/{self.name}/{self.version}"


@cache
def prompt(name: Name) -> Prompt:
    """The prompt of this name. Raises ValueError where the file has no version line."""
    raw = (FOLDER / f"{name}.md").read_bytes()
    first, _, text = raw.decode().partition("\n")
    label, _, number = first.partition(": ")
    if label != "version":
        raise ValueError(f"prompts/{name}.md does not begin with `version: <number>`")
    return Prompt(
        name=name,
        version=int(number),
        text=text.strip(),
        sha256=hashlib.sha256(raw).hexdigest(),
    )
