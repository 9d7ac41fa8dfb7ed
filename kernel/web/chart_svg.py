"""What pygal draws, as SVG that may stand in our pages: shapes and text only.

pygal brings a style sheet, a script, a date and ids along, which our Content-Security-Policy refuses or which
differ from one drawing to the next. Here its tree is written again by a list of what is allowed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pygal
from markupsafe import Markup, escape
from pygal.style import Style

from kernel.web.numbers import number

Rows = Mapping[str, Sequence[float | None]]
Write = Callable[..., str]
"""A number as text; `digits` after the point where they are given."""

WIDE, NARROW = 640, 320
"""Units across, of text 12 units high: about pixels where they are shown."""
COLOURS = 8
_FONT = 12
_LETTER = 0.6 * _FONT
_MOST_NUMBERS = 14
"""Up to so many bars have their number beside them."""
_KEPT = frozenset(
    {"class", "cx", "cy", "d", "height", "r", "transform", "viewBox", "width", "x", "y"}
)
_TAGS = frozenset({"circle", "g", "path", "rect", "svg", "text"})
_LEFT_OUT = frozenset({"background", "legends", "titles", "tooltip-overlay"})
_NO_CLASS = frozenset({"reactive", "tooltip-trigger", "always_show"})
_DIGITS = re.compile(r"-?\d+\.\d+")
_STYLE = Style(label_font_size=_FONT, major_label_font_size=_FONT, value_font_size=_FONT)


def draw_bars(
    labels: Sequence[str], rows: Rows, write: Write, stacked: bool, horizontal: bool
) -> tuple[Markup, Markup]:
    """The same bars wide and narrow."""
    wide, narrow = (
        _bars(labels, rows, write, stacked, horizontal, width) for width in (WIDE, NARROW)
    )
    return wide, narrow


def draw_lines(
    labels: Sequence[str],
    spots: Sequence[float | None] | None,
    rows: Rows,
    write: Write,
    diagonal: bool,
) -> tuple[Markup, Markup]:
    """The same lines wide and narrow; by number where there are `spots`."""
    wide, narrow = (_lines(labels, spots, rows, write, diagonal, w) for w in (WIDE, NARROW))
    return wide, narrow


@dataclass(frozen=True)
class _Axis:
    """What an axis spans, in units of `unit`: pygal's own arithmetic does not end on what is very large,
    very small or very flat.
    """

    low: float
    high: float
    unit: float
    whole: bool

    def at(self, value: float | None) -> float | None:
        return None if value is None else value / self.unit

    def tick(self, write: Write) -> Callable[[float], str]:
        """So many digits that two ticks differ."""
        step = (self.high - self.low) * self.unit / 5
        digits = min(max(-math.floor(math.log10(step)), 0), 9)
        return lambda value: write(value * self.unit, digits=digits)


def _axis(
    values: Sequence[float], zero: bool | None = None, below: float = 0.0, above: float = 0.0
) -> _Axis:
    """For these values.

    Args:
        values: all that is drawn; at least one.
        zero: whether it begins or ends with 0, as bars do; by default where that is not far.
        below: room under the least, as a share of the whole; where something is below 0.
        above: room over the largest.
    """
    low, high = min(values), max(values)
    size = max(abs(low), abs(high))
    near = 0 <= low <= high / 2 if zero is None else zero
    if near or high - low <= 1e-6 * size:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        high = 1.0
    span = high - low
    low, high = low - (below * span if low < 0 else 0), high + above * span
    size = max(abs(low), abs(high))
    unit = 1.0 if 1e-4 <= size < 1e12 else 10.0 ** math.floor(math.log10(size))
    whole = all(value.is_integer() for value in values)
    return _Axis(low / unit, high / unit, unit, whole and unit == 1)


def _bars(
    labels: Sequence[str], rows: Rows, write: Write, stacked: bool, horizontal: bool, width: int
) -> Markup:
    side_by_side = 1 if stacked else len(rows)
    known = [value for values in rows.values() for value in values if value is not None]
    room = (width - 70) / len(labels)
    fits = max(map(len, labels)) * _LETTER < room
    # Many bars stand in an order, like days: then some labels are enough to find one's way.
    lying = horizontal or (not fits and len(labels) <= 30)
    numbers = not stacked and len(known) <= _MOST_NUMBERS
    wanted = max(len(write(v)) for v in known) * _LETTER * side_by_side
    numbers = numbers and (min(known) >= 0 if lying else wanted < room)
    # So that the longest number beside the longest bar stays inside.
    above = (0.3 if lying else 0.08) if numbers else 0.0
    below = 0.08 if numbers else 0.0
    axis = _axis(_sums(rows) if stacked else known, True, below, above)
    kinds = {
        (False, False): pygal.Bar,
        (False, True): pygal.StackedBar,
        (True, False): pygal.HorizontalBar,
        (True, True): pygal.HorizontalStackedBar,
    }
    chart = kinds[lying, stacked](
        height=46 + len(labels) * (14 + 15 * side_by_side) if lying else 280,
        print_values=numbers,
        print_values_position="top",
        **_common(width, axis, write),
    )
    order = range(len(labels))[:: -1 if lying else 1]
    shown = [_short(label, width // 20) for label in labels] if lying else list(labels)
    if not lying and not fits:
        shown = _thinned(shown, width)
    chart.x_labels = [shown[place] for place in order]
    for name, values in rows.items():
        # In a stack a gap is nothing, and pygal can add numbers only.
        filled = [0.0 if stacked and value is None else axis.at(value) for value in values]
        chart.add(name, [filled[place] for place in order], formatter=_back(axis, write))
    return _svg(chart, tuple(rows), width)


def _lines(
    labels: Sequence[str],
    spots: Sequence[float | None] | None,
    rows: Rows,
    write: Write,
    diagonal: bool,
    width: int,
) -> Markup:
    known = [value for values in rows.values() for value in values if value is not None]
    common = {
        "height": width * 3 // 4 if diagonal and width == NARROW else 280,
        "allow_interruptions": True,
        "dots_size": 2.5,
        "show_dots": len(labels) <= 60,
    }
    if spots is None:
        axis = _axis(known)
        chart = pygal.Line(**common, **_common(width, axis, write))
        chart.x_labels = _thinned(labels, width)
        for name, values in rows.items():
            chart.add(name, [axis.at(value) for value in values], formatter=_back(axis, write))
        return _svg(chart, tuple(rows), width)
    places = [spot for spot in spots if spot is not None]
    axis, across = _axis(known), _axis(places, zero=False)
    if diagonal:
        axis = across = _axis(known + places, zero=True)
    chart = pygal.XY(**common, **_common(width, axis, write))
    chart.x_value_formatter = across.tick(number)
    chart.xrange = (across.low, across.high)
    for name, values in rows.items():
        pairs = [
            (across.at(spot), axis.at(value))
            for spot, value in zip(spots, values, strict=True)
            if spot is not None
        ]
        chart.add(name, pairs, formatter=lambda pair: _pair(pair, across, axis, write))
    if diagonal:
        ends = [(end, end) for end in (axis.low, axis.high)]
        chart.add("", ends, show_dots=False)
    return _svg(chart, tuple(rows), width)


def _common(width: int, axis: _Axis, write: Write) -> dict[str, Any]:
    return {
        "width": width,
        "margin": 4,
        "margin_right": 14,
        "style": _STYLE,
        "js": [],
        "no_prefix": True,
        "show_legend": False,
        "truncate_label": -1,
        "range": (axis.low, axis.high),
        "min_scale": 3,
        "max_scale": 6 if width == WIDE else 4,
        "order_min": 0 if axis.whole else None,
        "value_formatter": axis.tick(write),
    }


def _back(axis: _Axis, write: Write) -> Callable[[float], str]:
    return lambda value: write(value * axis.unit)


def _pair(pair: Any, across: _Axis, axis: _Axis, write: Write) -> str:
    return f"{number(pair[0] * across.unit)}: {write(pair[1] * axis.unit)}"


def _sums(rows: Rows) -> list[float]:
    """How far the stacks reach, up and down."""
    stacks = [[value or 0.0 for value in stack] for stack in zip(*rows.values(), strict=True)]
    ups = [sum((value for value in stack if value > 0), 0.0) for stack in stacks]
    return ups + [sum((value for value in stack if value < 0), 0.0) for stack in stacks]


def _short(label: str, letters: int) -> str:
    return label if len(label) <= letters else f"{label[: letters - 1].rstrip()}…"


def _thinned(labels: Sequence[str], width: int) -> list[str]:
    """Every so-many-th label, so that none stands on the next."""
    room = max(int((width - 70) / ((max(map(len, labels)) + 1) * _LETTER)), 1)
    step = -(-len(labels) // room)
    return [label if place % step == 0 else "" for place, label in enumerate(labels)]


def _svg(chart: Any, names: Sequence[str], width: int) -> Markup:
    root = chart.render_tree()
    root.set("class", f"chart-{'wide' if width == WIDE else 'narrow'}")
    return Markup("".join(_written(root, names, "")))  # noqa: S704 - each text is escaped there


def _written(node: Any, names: Sequence[str], name: str) -> Iterator[str]:
    """The tree as text: what is on the lists above, coordinates to a tenth; bars and dots with a title."""
    classes = (node.get("class") or "").split()
    if node.tag not in _TAGS or _LEFT_OUT & set(classes):
        return
    if "series" in classes:
        place = int(next(one for one in classes if one.startswith("serie-"))[6:])
        name = names[place] if place < len(names) else ""
        classes = ["series", f"color-{place % COLOURS}" if place < len(names) else "diagonal"]
    given = {key: _DIGITS.sub(_tenth, value) for key, value in node.items() if key in _KEPT}
    given["class"] = " ".join(one for one in classes if one not in _NO_CLASS)
    shown = (f' {key}="{escape(value)}"' for key, value in sorted(given.items()) if value)
    yield f"<{node.tag}{''.join(shown)}>"
    told = {child.get("class"): child.text or "" for child in node if child.tag == "desc"}
    if "value" in told:
        words = ", ".join(filter(None, (told.get("x_label"), name)))
        yield f"<title>{escape(': '.join(filter(None, (words, told['value']))))}</title>"
    if node.tag == "text":
        yield str(escape(node.text or ""))
    for child in node:
        yield from _written(child, names, name)
    yield f"</{node.tag}>"


def _tenth(found: re.Match[str]) -> str:
    short = f"{float(found[0]):.1f}".removesuffix(".0")
    return "0" if short == "-0" else short
