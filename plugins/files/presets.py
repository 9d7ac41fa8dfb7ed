"""The exports we know by heart: Shopify's three, and the UCI Online Retail data."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import polars as pl

from kernel.sdk import Frozen, InvalidInput
from plugins.files import values
from plugins.files.mapping import Mapping

_UCI_COUNTRIES = {
    "Australia": "AU", "Austria": "AT", "Bahrain": "BH", "Belgium": "BE", "Bermuda": "BM",
    "Brazil": "BR", "Canada": "CA", "Cyprus": "CY", "Czech Republic": "CZ", "Denmark": "DK",
    "EIRE": "IE", "Finland": "FI", "France": "FR", "Germany": "DE", "Greece": "GR",
    "Hong Kong": "HK", "Iceland": "IS", "Israel": "IL", "Italy": "IT", "Japan": "JP",
    "Korea": "KR", "Lebanon": "LB", "Lithuania": "LT", "Malta": "MT", "Netherlands": "NL",
    "Nigeria": "NG", "Norway": "NO", "Poland": "PL", "Portugal": "PT", "RSA": "ZA",
    "Saudi Arabia": "SA", "Singapore": "SG", "Spain": "ES", "Sweden": "SE", "Switzerland": "CH",
    "Thailand": "TH", "USA": "US", "United Arab Emirates": "AE", "United Kingdom": "GB",
    # Not countries: nothing is better than a guess.
    "Channel Islands": "", "European Community": "", "Unspecified": "", "West Indies": "",
}  # fmt: skip

Finish = Callable[[pl.DataFrame], pl.DataFrame]


class Preset(Frozen):
    """A known export: how to tell it by its header, how to map it, and what to do afterwards."""

    name: str
    kind: str
    marks: tuple[tuple[str, ...], ...] = ()
    """A file whose header has all names of one of these is this export."""
    mapping: Mapping = Mapping()
    finish: Finish | None = None
    """From the columns whose names begin with `_` to canonical ones."""


def preset(name: str, kind: str, header: Sequence[str]) -> Preset:
    """The preset asked for, or, where `name` is empty, the one that the header tells.

    Raises:
        InvalidInput: there is no such preset for this kind of data.
    """
    names = {column.strip().lower() for column in header}
    for one in PRESETS:
        told = any(names.issuperset(mark) for mark in one.marks)
        if one.kind == kind and (one.name == name or (not name and told)):
            return one
    if name in ("", "canonical"):
        return Preset(name="canonical", kind=kind)
    known = sorted({one.name for one in PRESETS if one.kind == kind} | {"canonical"})
    raise InvalidInput(
        f"There is no preset `{name}` for {kind}.", f"Use one of {', '.join(known)}."
    )


def _lower(frame: pl.DataFrame, name: str) -> pl.Series:
    """A private column as text in lower case, empty where there is none."""
    if name not in frame.columns:
        return pl.Series(name, [""] * frame.height, dtype=pl.String)
    return values.text(frame[name]).fill_null("").str.to_lowercase()


def _shopify_orders(frame: pl.DataFrame) -> pl.DataFrame:
    """Of the rows of one order, the first one tells the id, the times, the totals and the state."""
    cancelled = (_lower(frame, "_cancelled_at") != "") | _lower(frame, "_financial_status").is_in(
        ["voided", "expired"]
    )
    test = _lower(frame, "_payment_method").str.contains("bogus", literal=True)
    frame = frame.with_columns(
        status=pl.select(pl.when(cancelled).then(pl.lit("cancelled"))).to_series(),
        test=pl.select(pl.when(test).then(pl.lit("true"))).to_series(),
        is_product=~_lower(frame, "title").str.contains("gift card", literal=True),
    )
    if "_id" in frame.columns:
        # People know an order by its name, `#1001`; the API by its id, which later messages use.
        number = values.identifier(frame["_id"])
        frame = frame.with_columns(number.alias("_id"))
        known = pl.col("_id").drop_nulls().first().over("order_id")
        frame = frame.with_columns(order_id=pl.coalesce(known, "order_id"))
    if "sku" in frame.columns:
        frame = frame.with_columns(sku=pl.coalesce(values.text(frame["sku"]), pl.col("title")))
    return frame


def _shopify_products(frame: pl.DataFrame) -> pl.DataFrame:
    """A row a variant. The first row of a handle tells what its variants share; further pictures
    stand on rows of their own, which have no price and get no SKU.
    """
    shared = ["title", "vendor", "product_type", "tags", "status", "_image", "_published",
              "_gift_card"]  # fmt: skip
    frame = frame.with_columns(
        pl.col(n).drop_nulls().first().over("_handle") for n in shared if n in frame.columns
    )
    options = [
        pl.when(pl.col(n) != "Default Title").then(pl.col(n))
        for n in ("_option1", "_option2", "_option3")
        if n in frame.columns
    ]
    option = pl.concat_str(options, separator=" / ", ignore_nulls=True) if options else pl.lit("")
    # This is also what an order export calls the line of a variant, with or without SKU.
    called = pl.when(option != "").then(pl.format("{} - {}", "title", option)).otherwise("title")
    sku = values.text(frame["sku"]) if "sku" in frame.columns else pl.lit(None, dtype=pl.String)
    images = [name for name in ("image_url", "_image") if name in frame.columns]
    published = pl.Series(_lower(frame, "_published") != "false")
    status = _lower(frame, "status")
    return frame.with_columns(
        sku=pl.when(pl.col("price").is_not_null()).then(pl.coalesce(sku, called)),
        title=called,
        status=pl.when(status != "")
        .then(status)
        .when(published)
        .then(pl.lit("active"))
        .otherwise(pl.lit("draft")),
        url=pl.format("/products/{}", "_handle"),
        image_url=pl.coalesce(images) if images else pl.lit(None, dtype=pl.String),
        is_product=_lower(frame, "_gift_card") != "true",
    )


_SHOPIFY_ORDERS = Mapping(
    columns={
        "order_id": "Name",
        "_id": ["Id"],
        "ordered_at": "Created at",
        "email": ["Email"],
        "name": ["Billing Name", "Shipping Name"],
        "country": ["Billing Country", "Shipping Country"],
        "sku": ["Lineitem sku"],
        "title": ["Lineitem name"],
        "quantity": ["Lineitem quantity"],
        "unit_price": ["Lineitem price"],
        "amount": ["Total"],
        "refunded": ["Refunded Amount"],
        "currency": ["Currency"],
        "_cancelled_at": ["Cancelled at"],
        "_financial_status": ["Financial Status"],
        "_payment_method": ["Payment Method"],
    },
    date_formats=("%Y-%m-%d %H:%M:%S %z",),
)
_SHOPIFY_CUSTOMERS = Mapping(
    columns={
        "customer_id": ["Customer ID", "Id"],
        "email": ["Email"],
        "first_name": ["First Name"],
        "last_name": ["Last Name"],
        "country": ["Default Address Country Code", "Country Code"],
        "tags": ["Tags"],
        "consent": ["Accepts Email Marketing", "Accepts Marketing"],
    },
    constants={"consent_source": "Shopify customer export"},
)
_SHOPIFY_PRODUCTS = Mapping(
    columns={
        "_handle": "Handle",
        "sku": ["Variant SKU"],
        "title": "Title",
        "vendor": ["Vendor"],
        "product_type": ["Type"],
        "tags": ["Tags"],
        "price": "Variant Price",
        "cost": ["Cost per item"],
        "status": ["Status"],
        "inventory": ["Variant Inventory Qty"],
        "image_url": ["Variant Image"],
        "_image": ["Image Src"],
        "_published": ["Published"],
        "_gift_card": ["Gift Card"],
        "_option1": ["Option1 Value"],
        "_option2": ["Option2 Value"],
        "_option3": ["Option3 Value"],
    }
)
_ONLINE_RETAIL = Mapping(
    columns={
        "order_id": ["invoice", "InvoiceNo"],
        "ordered_at": ["ts", "InvoiceDate"],
        "customer_id": ["customer_id", "CustomerID"],
        "country": ["country"],
        "sku": ["sku", "StockCode"],
        "title": ["description"],
        "quantity": ["quantity"],
        "unit_price": ["price", "UnitPrice"],
    },
    date_formats=("%m/%d/%Y %H:%M", "%d/%m/%Y %H:%M"),
    timezone="Europe/London",
    currency="GBP",
    not_products=(
        "POST", "DOT", "D", "M", "S", "B", "C2", "PADS", "CRUK", "AMAZONFEE", "BANK CHARGES",
        "GIFT*",
    ),
    country_names=_UCI_COUNTRIES,
)  # fmt: skip

PRESETS = (
    Preset(
        name="shopify",
        kind="orders",
        marks=(("name", "lineitem quantity", "created at"),),
        mapping=_SHOPIFY_ORDERS,
        finish=_shopify_orders,
    ),
    Preset(
        name="shopify",
        kind="customers",
        marks=(("first name", "last name", "email", "accepts email marketing"),
               ("first name", "last name", "email", "accepts marketing")),
        mapping=_SHOPIFY_CUSTOMERS,
    ),
    Preset(
        name="shopify",
        kind="products",
        marks=(("handle", "title", "variant price"),),
        mapping=_SHOPIFY_PRODUCTS,
        finish=_shopify_products,
    ),
    Preset(
        name="online-retail",
        kind="orders",
        marks=(("invoice", "sku", "description", "quantity", "ts", "price"),
               ("invoiceno", "stockcode", "description", "quantity", "invoicedate", "unitprice"),
               ("invoice", "stockcode", "description", "quantity", "invoicedate", "price")),
        mapping=_ONLINE_RETAIL,
    ),
)  # fmt: skip
