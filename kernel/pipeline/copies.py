"""A campaign type's own words, read from files at boot: one file a language, one table a variant."""

from __future__ import annotations

import tomllib
from importlib import resources

import msgspec

from kernel.contracts.campaigns import Copy

BASE = "en"
"""The language of variants whose name tells none."""


def read_copies(package: str, folder: str) -> dict[str, Copy]:
    """Variant -> words, of every `<language>.toml` in this folder of the package.

    A table `["friendly.offer"]` of `de.toml` is the variant `friendly.offer.de`; in `en.toml` it is
    `friendly.offer`.

    Raises:
        msgspec.ValidationError: a table is no Copy.
    """
    found: dict[str, Copy] = {}
    files = resources.files(package).joinpath(folder).iterdir()
    for file in sorted(files, key=lambda one: one.name):
        language, _, kind = file.name.partition(".")
        if kind == "toml":
            suffix = "" if language == BASE else f".{language}"
            tables = msgspec.convert(tomllib.loads(file.read_text("utf-8")), dict[str, Copy])
            found |= {f"{name}{suffix}": copy for name, copy in tables.items()}
    return found
