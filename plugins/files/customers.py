"""A file of customers becomes canonical customers; and so does one of products."""

from __future__ import annotations

from zoneinfo import available_timezones

import polars as pl

from plugins.files import values
from plugins.files.ledger import LONGEST_ID, How, Ledger, first_reason
from plugins.files.people import read_people, with_addresses

_CONSENT = {
    "yes": "subscribed", "true": "subscribed", "1": "subscribed", "subscribed": "subscribed",
    "no": "never", "false": "never", "0": "never", "never": "never",
    "not_subscribed": "never", "not subscribed": "never", "unsubscribed": "unsubscribed",
    "pending": "pending", "unknown": "unknown",
}  # fmt: skip
_TRACKING = {
    "yes": "granted", "true": "granted", "1": "granted", "granted": "granted",
    "no": "denied", "false": "denied", "0": "denied", "denied": "denied",
}  # fmt: skip
_STATES = {"active": "active", "draft": "draft", "archived": "archived", "unlisted": "draft"}
_PRICE = pl.Decimal(14, 2)


def read_customers(frame: pl.DataFrame, how: How, ledger: Ledger) -> pl.DataFrame:
    """Canonical customers, one a row that can be taken; consent that cannot be read is not said."""
    frame = ledger.distinct(frame)
    people = with_addresses(read_people(frame, how, ledger), how.email_template, ledger)
    faults = {
        "no_id_and_no_email": (people["customer"] == "") & people["email"].is_null(),
        "id_too_long": people["customer"].str.len_bytes() > LONGEST_ID,
    }
    found: dict[str, pl.Series] = {"row": frame["row"]}
    for name in ("timezone", "locale", "tags", "consent_source"):
        if name in frame.columns:
            found[name] = ledger.words(values.text(frame[name]), 1000 if name == "tags" else 100)
    if "timezone" in found:
        real = found["timezone"].is_in(list(available_timezones())) | (found["timezone"] == "")
        ledger.notice("timezone_unknown", int((~real).sum()))
        found["timezone"] = found["timezone"].set(~real, "")
    for name in ("created_at", "consent_at", "tracking_at"):
        if name in frame.columns:
            raw = frame[name]
            found[name] = values.moment(raw, how.timezone, how.mapping.date_formats)
            said = values.text(raw) if raw.dtype == pl.String else raw
            future = (found[name] > how.now).fill_null(False)
            faults[f"bad_{name}"] = (said.is_not_null() & found[name].is_null()) | future
    cells = people.with_columns(**found)
    cells = cells.with_columns(_consent(frame, cells, how, ledger))
    if "accepts_tracking" in frame.columns:
        cells = cells.with_columns(tracking=_tracking(frame, ledger))
    cells = first_reason(cells, faults)
    ledger.skip(cells.filter(pl.col("reason").is_not_null()))
    good = cells.filter(pl.col("reason").is_null())
    ledger.notice("customers_without_email", good.filter(pl.col("email").is_null()).height)
    return good.drop("row", "reason").rename({"customer": "external_id"})


def _tracking(frame: pl.DataFrame, ledger: Ledger) -> pl.Series:
    """Consent to be tracked; where it cannot be read, nothing was said."""
    said = values.text(frame["accepts_tracking"]).str.to_lowercase()
    state = said.replace_strict(_TRACKING, default=None, return_dtype=pl.String)
    ledger.notice("tracking_not_understood", int((said.is_not_null() & state.is_null()).sum()))
    return state.fill_null("")


def _consent(frame: pl.DataFrame, cells: pl.DataFrame, how: How, ledger: Ledger) -> list[pl.Series]:
    """Consent, its source and time: what the file says, else what the person who imports says."""
    state = values.nothing(frame.height)
    if "consent" in frame.columns:
        said = values.text(frame["consent"]).str.to_lowercase()
        state = said.replace_strict(_CONSENT, default=None, return_dtype=pl.String)
        ledger.notice("consent_not_understood", int((said.is_not_null() & state.is_null()).sum()))
        if not how.consent:
            state = state.fill_null("")
        else:  # what stands there and is not understood is no place for somebody's word
            state = state.zip_with(said.is_null() | state.is_not_null(), state.fill_null(""))
    silent = state.is_null()
    state = state.fill_null(how.consent)
    source, at = values.nothing(frame.height), values.nothing(frame.height).cast(values.MOMENT)
    if "consent_source" in cells.columns:
        source = cells["consent_source"].replace("", None)
    if "consent_at" in cells.columns:
        at = cells["consent_at"]
    source = source.zip_with(
        ~silent, pl.Series([how.consent_source]).new_from_index(0, len(source))
    )
    at = at.fill_null(how.consent_at) if how.consent_at else at
    return [
        state.alias("consent"),
        source.fill_null("import").alias("consent_source"),
        at.alias("consent_at"),
    ]


def read_products(frame: pl.DataFrame, how: How, ledger: Ledger) -> pl.DataFrame:
    """Canonical products, one a row that can be taken."""
    nameless = values.text(frame["sku"]).is_null()
    ledger.skip(frame.filter(nameless).select("row", reason=pl.lit("no_sku")))
    frame = ledger.distinct(frame.filter(~nameless))
    mark = how.mapping.decimal
    sku = ledger.words(values.text(frame["sku"]), 10_000)
    faults = {"id_too_long": sku.str.len_bytes() > LONGEST_ID}
    found: dict[str, pl.Series] = {"row": frame["row"], "sku": sku}
    names = {"product_id": "external_id", "title": "title", "vendor": "vendor", "tags": "tags",
             "product_type": "product_type", "image_url": "image_url", "url": "url"}  # fmt: skip
    for name, canonical in names.items():
        if name in frame.columns:
            found[canonical] = ledger.words(values.text(frame[name]), 1000)
    for name in ("image_url", "url"):
        if name in found:
            safe = found[name].str.contains(r"^(https?://|/)\S*$") | (found[name] == "")
            ledger.notice("address_not_taken", int((~safe).sum()))
            found[name] = found[name].set(~safe, "")
    parsers = {
        "price": lambda c: values.number(c, _PRICE, mark),
        "cost": lambda c: values.number(c, _PRICE, mark),
        "inventory": lambda c: values.whole(c, mark),
        "is_product": lambda c: values.flag(c, empty=True),
        "status": lambda c: values.text(c).str.to_lowercase().replace_strict(
            _STATES, default=None, return_dtype=pl.String),
        "currency": lambda c: values.text(c).str.to_uppercase().str.extract(r"^([A-Z]{3})$"),
    }  # fmt: skip
    for name, parse in parsers.items():
        if name in frame.columns:
            raw = frame[name]
            found[name] = parse(raw)
            said = values.text(raw) if raw.dtype == pl.String else raw
            faults[f"bad_{name}"] = said.is_not_null() & found[name].is_null()
    for name in ("price", "cost"):
        if name in found:
            faults[f"negative_{name}"] = found[name] < 0
    cells = pl.DataFrame(found)
    if "currency" not in found:
        cells = cells.with_columns(currency=pl.lit(how.currency))
    cells = first_reason(cells.with_columns(pl.col("currency").fill_null(how.currency)), faults)
    ledger.skip(cells.filter(pl.col("reason").is_not_null()))
    return cells.filter(pl.col("reason").is_null()).drop("row", "reason")
