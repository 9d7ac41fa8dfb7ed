"""Numbers and dates of a reason, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from kernel.sdk import Scalar


def occasion(features: Mapping[str, Scalar]) -> str:
    """The first reason: when the customer last ordered, against their own rhythm."""
    last, gap = features.get("days_since_order"), features.get("mean_gap_days")
    if last is None:
        known = features.get("days_since_created")
        return "No order yet." if known is None else f"Known since {known:.0f} days, no order yet."
    if gap is None:
        return f"{orders(features)}, {ago(last)}."
    return f"Last order {ago(last)}, usually every {count_days(gap)}."


def orders(features: Mapping[str, Scalar]) -> str:
    """`1 order` or `5 orders`."""
    count = features.get("orders_count") or 0
    return f"{count} order" if count == 1 else f"{count} orders"


def ago(days: Scalar) -> str:
    """`today`, `1 day ago` or `31 days ago`."""
    whole = int(days)  # type: ignore[arg-type]
    return "today" if whole < 1 else f"{count_days(whole)} ago"


def count_days(days: Scalar) -> str:
    """`1 day` or `31 days`, rounded."""
    return "1 day" if (whole := round(days)) == 1 else f"{whole} days"  # type: ignore[arg-type]


def listed(names: tuple[str, ...], last: str = "or") -> str:
    """`A`, `A or B`, `A, B or C`; `none` for nothing."""
    if len(names) < 2:
        return names[0] if names else "none"
    return f"{', '.join(names[:-1])} {last} {names[-1]}"
