"""Charts as pieces of a page: plain SVG in a figure, without JavaScript and without inline styles.

Each has a caption, a legend, a text alternative and its numbers as a table, so nobody depends on seeing it.
It is drawn twice, for a wide place and for a phone, and the style sheet shows the one that fits. The same
data give the same bytes. Colours are classes (`static/charts.css`), so that a chart follows the tenant's
brand and the dark scheme.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial

from markupsafe import Markup

from kernel.contracts.errors import InvalidInput
from kernel.web.numbers import finite, number

Values = Sequence[float | None]
Series = Mapping[str, Values]

SHADES = 8
"""Steps of a heat table."""
EXPECTED = "As expected"
"""What the legend calls the line of perfect calibration."""
_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]+")
_NOTHING = "There is nothing to show yet."


def bars(
    caption: str,
    labels: Sequence[str],
    series: Series,
    *,
    unit: str = "",
    stacked: bool = False,
    horizontal: bool = False,
) -> Markup:
    """A bar for each label, or one for each label and series.

    Args:
        caption: what is shown, in a few words.
        labels: what each bar stands for.
        series: name -> a value for each label; None, NaN and infinite are left out.
        unit: `%` and signs of money stand beside each number, anything else under the caption.
        stacked: the series on top of one another, instead of side by side.
        horizontal: bars to the right. Where labels are too long to stand under bars, they lie anyway.

    Raises:
        InvalidInput: a series has another length than `labels`.
    """
    names, rows = [_clean(label) for label in labels], _rows(series, len(labels))
    if not _any(rows):
        return _empty(caption)
    from kernel.web.chart_svg import draw_bars

    drawn = draw_bars(names, rows, partial(number, unit=unit), stacked, horizontal)
    said = f"{caption}: {_extremes(names, rows, unit)}"
    keys = _legend([(name, "key-bar") for name in rows])
    return _figure(caption, unit, "", keys, drawn, said, _table("", names, rows, unit))


def lines(
    caption: str,
    x: Sequence[float | str],
    series: Series,
    *,
    unit: str = "",
    x_label: str = "",
    diagonal: bool = False,
) -> Markup:
    """A line for each series over `x`.

    Args:
        caption: what is shown, in a few words.
        x: numbers, placed by their size; or words, placed evenly.
        series: name -> a value for each x; None, NaN and infinite are gaps.
        unit: as in `bars`.
        x_label: what `x` is.
        diagonal: draw the line on which a value is equal to its x: of perfect calibration.

    Raises:
        InvalidInput: a series has another length than `x`.
    """
    rows = _rows(series, len(x))
    spots = [finite(one) for one in x]
    # A place that is no number among numbers has no place on the axis.
    numeric = bool(spots) and not any(isinstance(one, str) for one in x)
    names = [number(spot) for spot in spots] if numeric else [_clean(str(one)) for one in x]
    if not _any(rows) or (numeric and not any(spot is not None for spot in spots)):
        return _empty(caption)
    from kernel.web.chart_svg import draw_lines

    drawn = draw_lines(
        names, spots if numeric else None, rows, partial(number, unit=unit), diagonal and numeric
    )
    said = f"{caption}: {_extremes(names, rows, unit)}"
    keys = [(name, "key-line") for name in rows]
    if diagonal and numeric:
        keys.append((EXPECTED, "key-line key-diagonal"))
    table = _table(x_label, names, rows, unit)
    return _figure(caption, unit, x_label, _legend(keys), drawn, said, table)


def heat(
    caption: str,
    rows: Sequence[str],
    columns: Sequence[str],
    values: Sequence[Values],
    *,
    unit: str = "",
) -> Markup:
    """A table whose cells are the darker, the larger their number. It is its own text alternative.

    Args:
        caption: what is shown, in a few words.
        rows: what each row stands for.
        columns: what each column stands for.
        values: a list of cells for each row; None, NaN and infinite are empty.
        unit: as in `bars`.

    Raises:
        InvalidInput: `values` are not `rows` by `columns`.
    """
    if len(values) != len(rows):
        raise InvalidInput(f"The chart has {len(rows)} rows and cells for {len(values)}.")
    cells = [list(_row(name, row, len(columns))) for name, row in zip(rows, values, strict=True)]
    known = [cell for row in cells for cell in row if cell is not None]
    if not known:
        return _empty(caption)
    low, high = min(0.0, *known), max(known)
    head = Markup("").join(
        Markup('<th scope="col" class="n">{}</th>').format(_clean(name)) for name in columns
    )
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            _clean(name),
            Markup("").join(
                Markup('<td class="n{}">{}</td>').format(
                    _shade(cell, low, high), number(cell, unit)
                )
                for cell in row
            ),
        )
        for name, row in zip(rows, cells, strict=True)
    )
    table = Markup(
        '<table class="heat"><thead><tr><td></td>{}</tr></thead><tbody>{}</tbody></table>'
    )
    inner = Markup('<div class="scroll" tabindex="0" role="group" aria-label="{}">{}</div>')
    return Markup('<figure class="chart">{}{}</figure>').format(
        _caption(caption, unit), inner.format(_clean(caption), table.format(head, body))
    )


def _clean(text: str) -> str:
    """Without what no page may hold: control characters and halves of characters."""
    return _CONTROLS.sub(" ", str(text)).strip()


def _rows(series: Series, length: int) -> dict[str, list[float | None]]:
    return {_clean(name): _row(name, values, length) for name, values in series.items()}


def _row(name: str, values: Values, length: int) -> list[float | None]:
    if len(values) != length:
        raise InvalidInput(
            f"The chart has {length} labels, and {len(values)} values in “{_clean(name)}”.",
            "Give each series a value for each label; None where there is none.",
        )
    return [finite(value) for value in values]


def _any(rows: Mapping[str, Values]) -> bool:
    return any(value is not None for values in rows.values() for value in values)


def _shade(value: float | None, low: float, high: float) -> str:
    if value is None:
        return ""
    share = (value - low) / (high - low) if high > low else 0.0
    return f" heat-{min(int(share * SHADES), SHADES - 1)}"


def _extremes(labels: Sequence[str], rows: Mapping[str, Values], unit: str) -> str:
    """For who does not see it: how much there is, and the ends."""
    told = []
    for name, values in list(rows.items())[:6]:
        known = [(v, label) for v, label in zip(values, labels, strict=True) if v is not None]
        if not known:
            continue
        (least, where_least), (most, where_most) = (
            min(known, key=lambda one: one[0]),
            max(known, key=lambda one: one[0]),
        )
        ends = f"most {number(most, unit)} ({where_most})"
        if most != least:
            ends += f", least {number(least, unit)} ({where_least})"
        told.append(f"{name}: {ends}" if len(rows) > 1 else ends)
    return f"{'; '.join(told)}. The numbers are in the table below."


def _caption(caption: str, unit: str) -> Markup:
    shown = (
        Markup("<span>{}</span>").format(_clean(unit)) if unit and number(0, unit) == "0" else ""
    )
    return Markup("<figcaption>{}{}</figcaption>").format(_clean(caption), shown)


def _empty(caption: str) -> Markup:
    return Markup('<figure class="chart">{}<p>{}</p></figure>').format(
        _caption(caption, ""), _NOTHING
    )


def _legend(keys: Sequence[tuple[str, str]]) -> Markup:
    if len(keys) < 2:
        return Markup("")
    one = Markup(
        '<li><svg class="{} color-{}" width="18" height="10" aria-hidden="true">'
        '<rect width="10" height="10" x="4" rx="2"/><path d="M0 5h18"/></svg>{}</li>'
    )
    drawn = (one.format(kind, place % 8, name) for place, (name, kind) in enumerate(keys))
    return Markup('<ul class="keys">{}</ul>').format(Markup("").join(drawn))


def _table(corner: str, labels: Sequence[str], rows: Mapping[str, Values], unit: str) -> Markup:
    head = Markup("").join(
        Markup('<th scope="col" class="n">{}</th>').format(name) for name in rows
    )
    body = Markup("").join(
        Markup('<tr><th scope="row">{}</th>{}</tr>').format(
            label,
            Markup("").join(
                Markup('<td class="n">{}</td>').format(number(values[place], unit))
                for values in rows.values()
            ),
        )
        for place, label in enumerate(labels)
    )
    return Markup(
        '<details><summary>The numbers</summary><div class="scroll"><table><thead><tr>'
        '<th scope="col">{}</th>{}</tr></thead><tbody>{}</tbody></table></div></details>'
    ).format(_clean(corner), head, body)


def _figure(
    caption: str,
    unit: str,
    x_label: str,
    legend: Markup,
    drawn: tuple[Markup, Markup],
    said: str,
    table: Markup,
) -> Markup:
    below = Markup('<p class="axis-name">{}</p>').format(_clean(x_label)) if x_label else ""
    picture = Markup('<div role="img" aria-label="{}">{}{}</div>').format(_clean(said), *drawn)
    return Markup('<figure class="chart">{}{}{}{}{}</figure>').format(
        _caption(caption, unit), legend, picture, below, table
    )
