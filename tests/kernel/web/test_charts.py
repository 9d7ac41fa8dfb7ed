"""Charts: what stands in them, what must never stand in them, and colours for everybody's eyes."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markupsafe import Markup

from admin_ui import brand
from kernel.sdk import InvalidInput, charts

CSS = Path(charts.__file__).parent / "static" / "charts.css"
HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>&\x00\ud800'
ALLOWED = {
    *("figure", "figcaption", "span", "ul", "li", "div", "p", "details", "summary"),
    *("table", "thead", "tbody", "tr", "th", "td"),
    *("svg", "g", "path", "rect", "circle", "text", "title"),
}

Draw = Callable[..., Markup]


def bars(name: str, **more: Any) -> Markup:
    return charts.bars(name, [name, "b"], {name: [1, 2], "other": [3, None]}, **more)


def lines(name: str, **more: Any) -> Markup:
    return charts.lines(name, [name, "b"], {name: [1, 2], "o": [3, None]}, x_label=name, **more)


def heat(name: str, **more: Any) -> Markup:
    return charts.heat(name, [name, "b"], [name], [[1], [None]], **more)


def tree(chart: Markup) -> ET.Element:
    """It is well-formed, which also says that nothing broke out of its place."""
    return ET.fromstring(str(chart))


def local(tag: str) -> str:
    return tag.rpartition("}")[2]


def words(chart: Markup) -> str:
    return " ".join(tree(chart).itertext())


@pytest.mark.parametrize("draw", [bars, lines, heat])
def test_a_chart_has_words_for_all_its_numbers(draw: Draw) -> None:
    found = tree(draw("Customers", unit="customers"))
    assert found.tag == "figure"
    assert "Customers" in (found.find("figcaption").text or "")  # type: ignore[union-attr]
    assert [one.text for one in found.iter("td")].count("–") == 1, "what is missing is a dash"


def test_someone_who_does_not_see_it_is_told() -> None:
    chart = charts.bars("Segments", ["Loyal", "Lost"], {"Customers": [1234, 5]})
    (picture,) = [one for one in tree(chart).iter() if one.get("role") == "img"]
    said = "Segments: most 1,234 (Loyal), least 5 (Lost). The numbers are in the table below."
    assert picture.get("aria-label") == said


@pytest.mark.parametrize("draw", [bars, lines, heat])
@pytest.mark.parametrize("unit", ["", "%", HOSTILE])
def test_hostile_words_stay_words(draw: Draw, unit: str) -> None:
    chart = draw(HOSTILE, unit=unit)
    for node in tree(chart).iter():
        assert local(node.tag) in ALLOWED
        assert not [key for key in node.attrib if local(key).startswith(("on", "href", "src"))]
    str(chart).encode()
    assert "\x00" not in chart


@pytest.mark.parametrize("draw", [bars, lines, heat])
def test_the_content_security_policy_has_nothing_to_refuse(draw: Draw) -> None:
    chart = str(draw("Customers"))
    assert "style=" not in chart and "<style" not in chart and "<script" not in chart
    urls = set(re.findall(r"https?://[^\s\"'<]+", chart))
    assert urls <= {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\sid=", chart), "two charts may stand on one page"


def test_the_same_data_give_the_same_bytes_in_another_process() -> None:
    script = (
        "from kernel.web import charts\n"
        "print(charts.lines('A', [.1, .2], {'a': [1, 2], 'b': [3, None]}, diagonal=True), end='')\n"
    )
    here = charts.lines("A", [0.1, 0.2], {"a": [1, 2], "b": [3, None]}, diagonal=True)
    there = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert there.stdout.decode() == str(here)
    assert str(datetime.now().year) not in here  # noqa: DTZ005


@pytest.mark.parametrize(
    "chart",
    [
        charts.bars("Orders", [], {}),
        charts.bars("Orders", ["a"], {"x": [None]}),
        charts.bars("Orders", ["a", "b"], {"x": [float("nan"), float("inf")]}, stacked=True),
        charts.lines("Orders", [], {"x": []}),
        charts.lines("Orders", [float("nan")], {"x": [1.0]}),
        charts.heat("Orders", [], [], []),
        charts.heat("Orders", ["a"], ["b"], [[None]]),
    ],
)
def test_nothing_to_draw_is_a_sentence(chart: Markup) -> None:
    assert words(chart) == "Orders There is nothing to show yet."


@pytest.mark.parametrize("bad", [None, float("nan"), float("inf"), -float("inf"), "x", 1e300])
def test_what_is_no_number_is_left_out(bad: Any) -> None:
    for chart in (
        charts.bars("A", ["a", "b", "c"], {"x": [1, bad, 3]}),
        charts.bars("A", ["a", "b", "c"], {"x": [1, bad, 3], "y": [bad, bad, bad]}, stacked=True),
        charts.lines("A", [1, 2, 3], {"x": [1, bad, 3]}),
        charts.heat("A", ["r"], ["a", "b", "c"], [[1, bad, 3]]),
    ):
        assert not re.search(r"\b(nan|inf)\b", str(chart), re.IGNORECASE)
        assert [one.text for one in tree(chart).iter("td") if one.text][:3] >= ["1", "–", "3"]


def test_a_gap_in_a_line_is_a_gap() -> None:
    whole = charts.lines("A", [1, 2, 3, 4], {"x": [1, 2, 3, 4]})
    broken = charts.lines("A", [1, 2, 3, 4, 5], {"x": [1, 2, None, 3, 4]})
    assert len(_drawn(broken, "path")) == 2 * len(_drawn(whole, "path"))


def test_numbers_of_all_kinds() -> None:
    chart = charts.bars("A", ["a", "b", "c"], {"x": [Decimal("1.5"), np.float64(2), True]})
    assert [one.text for one in tree(chart).iter("td")] == ["1.5", "2", "1"]


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (1234567, "", "1,234,567"),
        (-1234.5, "€", "−€1,234"),
        (0.72, "", "0.72"),
        (3.14159, "%", "3.14 %"),
        (99.999, "customers", "100"),
        (0.0004, "", "0"),
        (2.5e-7, "", "2.50e-07"),
        (-0.0001, "", "0"),
        (1e18, "", "1.00e+18"),
        (0.1 + 0.2, "", "0.3"),
        (None, "%", "–"),
    ],
)
def test_numbers_are_written_for_people(value: float | None, unit: str, said: str) -> None:
    assert charts.number(value, unit) == said


def test_units() -> None:
    assert "in customers" in words(bars("A", unit="customers")).replace("A ", "in ")
    assert "2 %" in words(bars("A", unit="%"))
    assert "€2" in words(bars("A", unit="€"))


@pytest.mark.parametrize("draw", [charts.bars, charts.lines])
def test_a_series_of_another_length_is_refused(draw: Draw) -> None:
    with pytest.raises(InvalidInput, match="2 labels, and 1 values in “x”"):
        draw("A", ["a", "b"], {"x": [1]})


def test_a_heat_of_another_shape_is_refused() -> None:
    with pytest.raises(InvalidInput, match="2 rows and cells for 1"):
        charts.heat("A", ["a", "b"], ["c"], [[1]])
    with pytest.raises(InvalidInput, match="1 labels, and 2 values in “b”"):
        charts.heat("A", ["a", "b"], ["c"], [[1], [1, 2]])


def test_bars_are_as_long_as_their_numbers() -> None:
    chart = charts.bars("A", ["a", "b", "c"], {"x": [10, 20, 40]}, horizontal=True)
    wide = [float(one.get("width", 0)) for one in _drawn(chart, "rect")]
    longest_last = wide[::-1]  # the first label is on top, and drawn last
    assert longest_last[0] * 4 == pytest.approx(longest_last[2], abs=0.5)
    assert longest_last[1] * 2 == pytest.approx(longest_last[2], abs=0.5)
    labels = [
        one.text for one in _wide(chart).iter() if local(one.tag) == "text" and one.text in "abc"
    ]
    assert labels == ["c", "b", "a"]


def test_the_line_of_perfect_calibration() -> None:
    chart = charts.lines("A", [0.1, 0.9], {"x": [0.2, 0.8]}, diagonal=True)
    assert charts.EXPECTED in words(chart)
    assert [one for one in _wide(chart).iter() if one.get("class") == "series diagonal"]
    plain = charts.lines("A", [0.1, 0.9], {"x": [0.2, 0.8]})
    assert charts.EXPECTED not in words(plain) and "diagonal" not in plain


def test_darker_is_more() -> None:
    chart = charts.heat("A", ["r"], ["a", "b", "c"], [[0, 5, 10]])
    assert re.findall(r"heat-(\d)", str(chart)) == ["0", "4", "7"]
    assert "heat-0" in charts.heat("A", ["r"], ["a"], [[0]])


def test_long_labels_do_not_stand_on_one_another() -> None:
    names = [f"A product with a long name {n}" for n in range(6)]
    chart = charts.bars("A", names, {"x": [1, 2, 3, 4, 5, 6]})
    assert "horizontal" in chart
    days = [f"2026-{1 + n // 28:02d}-{1 + n % 28:02d}" for n in range(120)]
    many = charts.lines("A", days, {"x": list(range(120))})
    shown = [one.text for one in _wide(many).iter() if local(one.tag) == "text"]
    assert 3 < len([text for text in shown if text in days]) < 12


@settings(max_examples=15, deadline=None)
@given(
    values=st.lists(
        st.lists(st.none() | st.floats(), min_size=3, max_size=3), min_size=1, max_size=3
    ),
    labels=st.lists(st.text(max_size=40), min_size=3, max_size=3),
    stacked=st.booleans(),
    horizontal=st.booleans(),
)
def test_anything_can_be_drawn(
    values: list[list[float | None]], labels: list[str], stacked: bool, horizontal: bool
) -> None:
    series = {f"s{n}": row for n, row in enumerate(values)}
    for chart in (
        charts.bars("A", labels, series, stacked=stacked, horizontal=horizontal),
        charts.lines("A", labels, series),
        charts.lines(
            "A", [v if v is not None else 0.5 for v in values[0]], series, diagonal=stacked
        ),
        charts.heat("A", labels[: len(values)], labels, values),
    ):
        tree(chart)
        assert not re.search(r"[ \"](nan|inf)[ \"]", str(chart), re.IGNORECASE)


def test_no_other_command_pays_for_the_library() -> None:
    script = "import sys, kernel.sdk; print('pygal' in sys.modules)"
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert told.stdout.strip() == b"False"


# How colours look to who lacks one kind of cone (Machado, Oliveira and Fernandes 2009, severity 1), in
# linear RGB.
SIGHT = {
    "all": np.eye(3),
    "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritan": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}  # fmt: skip


def _lab(colour: str, sight: Any) -> np.ndarray:
    rgb = np.array([int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(np.asarray(sight) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.maximum(to_xyz @ seen / [0.9505, 1, 1.089], 1e-4))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


def _palettes() -> list[dict[str, str]]:
    return [
        dict(re.findall(r"--(c\d): (#\w{6})", part)) for part in CSS.read_text().split("@media (p")
    ]


@pytest.mark.parametrize(("place", "scheme"), [(0, "light"), (1, "dark")])
def test_colours_can_be_told_apart(place: int, scheme: str) -> None:
    palette = _palettes()[place]
    assert len(palette) == 7
    assert all(brand.ratio(one, brand.PAPER[scheme]) >= 3 for one in palette.values())
    for sight in SIGHT.values():
        seen = {name: _lab(colour, sight) for name, colour in palette.items()}
        near = {
            (a, b): round(float(np.linalg.norm(seen[a] - seen[b])), 1)
            for a, b in itertools.combinations(seen, 2)
        }
        assert min(near.values()) >= 20, min(near, key=near.__getitem__)


def _wide(chart: Markup) -> ET.Element:
    (found,) = [one for one in tree(chart).iter() if one.get("class") == "chart-wide"]
    return found


def _drawn(chart: Markup, tag: str) -> Sequence[ET.Element]:
    """The shapes of the series in the wide drawing."""
    series = [one for one in _wide(chart).iter() if (one.get("class") or "").startswith("series")]
    return [one for group in series for one in group.iter() if local(one.tag) == tag]
