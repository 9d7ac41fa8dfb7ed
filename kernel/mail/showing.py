"""A mail as mail programs would show it: in a light or a dark one. For previews only."""

from __future__ import annotations

import re
from typing import Literal

Scheme = Literal["light", "dark"]
_QUERY = re.compile(r"\(\s*prefers-color-scheme\s*:\s*(light|dark)\s*\)", re.IGNORECASE)
_META = re.compile(r'(<meta name="(?:supported-)?color-schemes?" content=")[^"]*', re.IGNORECASE)


def shown(page: str, scheme: Scheme) -> str:
    """The page as programs of this scheme draw it, whatever the browser prefers.

    Media queries for the scheme always hold, those for the other never do.
    """
    page = _QUERY.sub(
        lambda m: "(min-width: 0px)" if m[1].lower() == scheme else "(max-width: 0px)", page
    )
    return _META.sub(lambda m: m[1] + scheme, page)
