"""Numbers of charts as people read them."""

from __future__ import annotations

import math
from typing import Any

_BEFORE = frozenset({"€", "$", "£", "¥", "CA$", "A$", "CHF "})


def number(value: float | None, unit: str = "", digits: int | None = None) -> str:
    """1,234 or 0.72 or −3.5 %, with as many `digits` after the point as tell something; a dash for None."""
    if value is None:
        return "–"
    size = abs(value)
    if digits is None:
        digits = 0 if size >= 100 else 2 if size >= 1 else 3
    if size >= 1e15 or 0 < size < 1e-6:
        text = f"{size:.2e}"
    else:
        text = f"{size:,.{digits}f}"
        text = text.rstrip("0").rstrip(".") if digits else text
    sign = "−" if value < 0 and text != "0" else ""
    if unit in _BEFORE:
        return f"{sign}{unit}{text}"
    return f"{sign}{text} %" if unit == "%" else f"{sign}{text}"


def finite(value: Any) -> float | None:
    """The value as a float; None for what is no finite number."""
    try:
        found = float(value)
    except (TypeError, ValueError, OverflowError):
        return None
    # Beyond this the arithmetic of a plot overflows.
    if not math.isfinite(found) or abs(found) > 1e100:
        return None
    return found if abs(found) > 1e-100 else 0.0
