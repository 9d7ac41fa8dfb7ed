"""Numbers, money and times as the merchant of one tenant reads them."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import msgspec

if TYPE_CHECKING:
    from kernel.contracts.context import Context

_SIGNS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "CAD": "CA$", "AUD": "A$", "CHF": "CHF "}
_RULE = re.compile(r"[a-z][a-z0-9_]*\.[a-z0-9_.]+$")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$")
_WHOLE = frozenset({"JPY", "KRW", "VND", "CLP", "ISK"})


class Formats:
    """In templates: `f`, from whoever draws the page or panel. Times are in the tenant's zone, and "ago" is by the tenant's clock."""

    def __init__(self, ctx: Context) -> None:
        self.zone = ZoneInfo(ctx.tenant.timezone)
        self.currency = ctx.tenant.currency
        self.now = ctx.now

    @property
    def unit(self) -> str:
        """The sign of the tenant's money, or its code, for the axis of a chart."""
        return _SIGNS.get(self.currency, self.currency)

    def number(self, value: float | None) -> str:
        """1,234 or 0.72; a dash for None."""
        if value is None:
            return "–"
        if float(value).is_integer():
            return f"{int(value):,}"
        return f"{value:,.2f}".rstrip("0").rstrip(".")

    def money(self, value: Decimal | float | None) -> str:
        """€1,234.50, in the tenant's currency."""
        if value is None:
            return "–"
        text = f"{abs(value):,.{0 if self.currency in _WHOLE else 2}f}"
        sign = _SIGNS.get(self.currency)
        return ("−" if value < 0 else "") + (f"{sign}{text}" if sign else f"{text} {self.currency}")

    def percent(self, share: float) -> str:
        """72 % of a share from 0 to 1."""
        return f"{share * 100:.0f} %"

    def day(self, at: datetime | None) -> str:
        """15 Jun 2026."""
        return f"{at.astimezone(self.zone):%-d %b %Y}" if at else "–"

    def time(self, at: datetime | None) -> str:
        """15 Jun 2026, 14:05."""
        return f"{at.astimezone(self.zone):%-d %b %Y, %H:%M}" if at else "–"

    def iso(self, at: datetime) -> str:
        """For the attribute `datetime`."""
        return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def ago(self, at: datetime | None, now: datetime | None = None) -> str:
        """3 hours ago; in 2 days; a date when that is clearer.

        Args:
            at: the moment.
            now: the machine's time, for moments that were written by it.
        """
        if at is None:
            return "–"
        seconds = ((now or self.now) - at).total_seconds()
        for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60)):
            count = int(abs(seconds) // size)
            if count > 60 and unit == "day":
                return self.day(at)
            if count:
                words = f"{count} {unit}{'s' if count > 1 else ''}"
                return f"{words} ago" if seconds > 0 else f"in {words}"
        return "just now" if seconds >= 0 else "in a moment"

    def words(self, name: str) -> str:
        """held_out -> held out; trait:rfm.segment -> rfm segment."""
        return name.removeprefix("trait:").replace("_", " ").replace(".", " ")

    def reason(self, text: str) -> tuple[str, str]:
        """Who gives a reason of the ledger ("compliance.consent", or empty), and the sentence."""
        by, colon, said = text.partition(": ")
        if colon and _RULE.match(by):
            return by, said[:1].upper() + said[1:]
        return "", text

    def plain(self, value: Any) -> str:
        """A trait's or feature's value as a person reads it."""
        if value is None:
            return "–"
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, (int, float)):
            return self.number(value)
        if isinstance(value, str):
            return self.time(datetime.fromisoformat(value)) if _MOMENT.match(value) else value
        if isinstance(value, list):  # of things with a name first: their names
            each = (next(iter(v.values()), None) if isinstance(v, dict) else v for v in value)
            return " · ".join(map(self.plain, each)) or "–"
        return msgspec.json.encode(value).decode()

    def greeting(self) -> str:
        """By the hour where the shop is."""
        hour = self.now.astimezone(self.zone).hour
        return "Good morning" if hour < 12 else "Good afternoon" if hour < 18 else "Good evening"

    def count_of(self, report: dict[str, Any], key: str) -> str:
        """A count of an import's report; a dash where it has none."""
        value = report.get(key)
        if isinstance(value, dict):
            value = sum(each for each in value.values() if isinstance(each, int))
        return self.number(value) if isinstance(value, int) else "–"

    def plural(self, count: int, one: str, many: str = "") -> str:
        """1 customer, 2 customers."""
        return f"{count:,} {one if count == 1 else many or one + 's'}"
