"""The table of features in docs/models.md, made from the code."""

from __future__ import annotations

import re

from kernel.models.features import FEATURES, FEATURES_VERSION

_PLACE = re.compile(r"(?<=<!-- features -->\n).*?(?=<!-- end of features -->)", re.DOTALL)


def with_features(page: str) -> str:
    """`page` with the table between its marks as the code has it now."""
    rows = [f"| `{f.name}` | {f.unit} | {f.meaning} | {f.missing or 'never'} |" for f in FEATURES]
    head = "| feature | unit | meaning | null when |\n|---|---|---|---|"
    table = "\n".join([f"Version {FEATURES_VERSION}.\n", head, *rows])
    return _PLACE.sub(lambda _: f"{table}\n", page)
