from datetime import UTC, datetime, timedelta
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from admin_ui import brand
from admin_ui.forms import fields, read
from kernel.sdk import Frozen
from kernel.tenancy.checks import check_struct
from kernel.testing.seed import a_tenant
from kernel.web.formats import Formats

NOW = datetime(2026, 6, 15, 10, 0, tzinfo=UTC)


class Inner(Frozen):
    city: str = "Berlin"
    floor: int | None = None


class Everything(Frozen):
    """A setting of each kind."""

    required: Annotated[str, Meta(min_length=1, description="Needed.")]
    count: Annotated[int, Meta(ge=1, le=9, description="How many.")] = 3
    share: Annotated[float, Meta(gt=0, lt=1)] = 0.5
    on: bool = True
    tone: Literal["plain", "warm", "bold"] = "plain"
    days: tuple[Literal["mon", "tue", "wed"], ...] = ("tue",)
    countries: tuple[str, ...] = ("DE", "AT")
    limit: int | None = None
    note: Annotated[str, Meta(max_length=2000)] = ""
    at: Annotated[str, Meta(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] = "08:00"
    table: dict[str, int] = {}  # noqa: RUF012
    inner: Inner = Inner()


def test_a_field_for_each_kind() -> None:
    made = {one.name: one for one in fields(Everything, {})}
    assert {name: one.input for name, one in made.items()} == {
        "required": "text",
        "count": "number",
        "share": "number",
        "on": "switch",
        "tone": "choice",
        "days": "choices",
        "countries": "list",
        "limit": "number",
        "note": "long",
        "at": "time",
        "table": "json",
        "inner.city": "text",
        "inner.floor": "number",
    }
    assert made["count"].attributes == {"min": "1", "max": "9", "step": "1"}
    assert made["count"].limits == "From 1 to 9"
    assert made["count"].help == "How many."
    assert made["share"].limits == "More than 0 less than 1"
    assert made["tone"].options == ("plain", "warm", "bold")
    assert made["days"].options == ("mon", "tue", "wed")
    assert made["countries"].value == "DE, AT"
    assert made["required"].required
    assert not made["note"].required


def test_what_a_form_says_is_what_was_shown() -> None:
    form = {
        "required": "x", "count": "4", "share": "0.25", "tone": "warm", "countries": "FR, , NL",
        "limit": "", "note": "a\r\nb", "at": "09:00", "table": '{"a": 1}', "inner.city": "Graz",
        "inner.floor": "2",
    }  # fmt: skip
    data = read(Everything, form, {"days": ["mon", "wed"]})
    assert not check_struct(Everything, data)
    assert data["on"] is False
    assert data["countries"] == ["FR", "NL"]
    assert data["limit"] is None
    assert data["note"] == "a\nb"
    assert data["inner"] == {"city": "Graz", "floor": "2"}


def test_faults_stand_at_their_field() -> None:
    given_ = read(Everything, {"count": "many", "inner.floor": "x", "table": "{"}, {})
    made = {one.name: one for one in fields(Everything, given_, check_struct(Everything, given_))}
    assert made["count"].error
    assert made["count"].value == "many"
    assert made["inner.floor"].error
    assert made["table"].error
    assert made["required"].error
    assert not made["tone"].error or made["tone"].value == ""


colours = st.integers(0, 0xFFFFFF).map("#{:06x}".format)


@given(colours, st.sampled_from(["light", "dark"]))
def test_any_brand_can_be_read(colour: str, scheme: str) -> None:
    paper = brand.PAPER[scheme]
    assert brand.ratio(brand.readable(colour, paper, 4.5), paper) >= 4.5
    fill = brand.readable(colour, paper, 3)
    assert brand.ratio(fill, paper) >= 3
    assert brand.ratio(brand.best_on(fill), fill) >= 4.5


def test_a_readable_brand_stays_as_it_is() -> None:
    assert brand.readable("#1f4d3a", "#ffffff", 4.5) == "#1f4d3a"
    assert "--brand: #1f4d3a;" in brand.stylesheet("#1f4d3a", "#c8553d")


def formats(currency: str = "EUR") -> Formats:
    tenant = a_tenant(currency=currency)

    class Ctx:
        now = NOW

    Ctx.tenant = tenant  # type: ignore[attr-defined]
    return Formats(Ctx())  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("currency", "value", "said"),
    [
        ("EUR", 1234.5, "€1,234.50"),
        ("USD", -3, "−$3.00"),
        ("JPY", 1200, "¥1,200"),
        ("SEK", 10, "10.00 SEK"),
        ("EUR", None, "–"),
    ],
)
def test_money(currency: str, value: float | None, said: str) -> None:
    assert formats(currency).money(value) == said


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=5), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=2), "2 days ago"),
        (timedelta(days=90), "17 Mar 2026"),
        (timedelta(hours=-3), "in 3 hours"),
    ],
)
def test_ago(ago: timedelta, said: str) -> None:
    assert formats().ago(NOW - ago) == said


def test_reasons_and_values() -> None:
    f = formats()
    assert f.reason("cadence.cap: had enough.") == ("cadence.cap", "Had enough.")
    assert f.reason("Note: nothing.") == ("", "Note: nothing.")
    assert f.plain("2025-10-28T10:00:00Z") == "28 Oct 2025, 11:00"
    assert f.plain(True) == "yes"
    assert f.plain(0.123456) == "0.12"
    assert f.plain(["a", 2]) == "a · 2"
    assert f.plain([{"sku": "tea", "score": 1}, {"sku": "pot", "score": 2}]) == "tea · pot"
    assert f.plain([]) == "–" and f.plain({"a": 1}) == '{"a":1}'
    assert f.time(NOW) == "15 Jun 2026, 12:00"
