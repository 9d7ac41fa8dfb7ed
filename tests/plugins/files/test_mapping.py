"""Which column is which: by name, by preset, by a file; and what is said when one is missing."""

from __future__ import annotations

import re

import pytest

from kernel.sdk import InvalidInput

MAPPED = """
date_formats = ["%d.%m.%Y"]
timezone = "Europe/Vienna"
currency = "CHF"
decimal = ","
not_products = ["SHIP", "FEE-*"]

[columns]
order_id = "{Kunde}/{Datum}"
ordered_at = "Datum"
customer_id = "Kunde"
sku = ["Artikel", "Ware"]
quantity = "Menge"
unit_price = "Preis"

[constants]
country = "CH"
"""


async def test_a_mapping_file(importer):
    mapping = importer.write(MAPPED, "map.toml")
    report = await importer(
        "orders",
        "Kunde;Datum;Ware;Menge;Preis;Notiz\nK1;01.02.2026;Mug;2;4,50;x\nK1;01.02.2026;SHIP;1;1.000,05;\n"
        "K1;02.02.2026;fee-9;1;3,00;y\n",
        mapping=mapping,
    )
    assert report.ignored_columns == ("Notiz",)
    assert report.columns["order_id"] == "{Kunde}/{Datum}"
    assert report.columns["sku"] == "Ware"
    assert await importer.rows(
        "SELECT external_id, amount::text, currency, ordered_at::text FROM profiles_order ORDER BY 1"
    ) == [
        ("K1/01.02.2026", "1009.05", "CHF", "2026-01-31 23:00:00+00"),
        ("K1/02.02.2026", "3.00", "CHF", "2026-02-01 23:00:00+00"),
    ]
    assert await importer.rows("SELECT sku FROM profiles_order_line WHERE is_product") == [("Mug",)]
    assert await importer.rows("SELECT external_id, country FROM profiles_customer") == [
        ("K1", "CH")
    ]


async def test_names_match_whatever_their_case_and_spacing(importer):
    report = await importer.lines(
        "o1,2026-01-01,c1,1,2.00", header="Order ID,Ordered-At,CUSTOMER_ID,Quantity,unit price"
    )
    assert report.rows["written"] == 1
    assert report.preset == "canonical"


@pytest.mark.parametrize(
    ("kind", "header", "missing"),
    [
        ("orders", "order_id,customer_id,quantity,unit_price", "`ordered_at`"),
        ("orders", "order_id,ordered_at,quantity", "`quantity` and `unit_price` or `amount`"),
        ("customers", "first_name,last_name", "`customer_id` or `email`"),
        ("products", "title,price", "`sku`"),
    ],
)
async def test_a_missing_column_is_named_with_those_found_and_the_way_out(
    importer, kind, header, missing
):
    with pytest.raises(InvalidInput) as caught:
        await importer(kind, f"{header}\n" + ",".join("x" for _ in header.split(",")) + "\n")
    assert f"no column for {missing}" in caught.value.message
    for name in header.split(","):
        assert f"`{name}`" in caught.value.fix
    assert "--mapping" in caught.value.fix
    assert "looks like data" not in caught.value.message


async def test_a_file_without_header_is_recognised(importer):
    with pytest.raises(InvalidInput, match="first row looks like data"):
        await importer("customers", "17,ada@example.com\n18,bob@example.com\n")


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ("[columns\n", "is not valid"),
        ('[columns]\norder_idd = "x"\n', "no canonical column order_idd"),
        ('[columns]\norder_id = "Nummer"\n', "`Nummer`"),
        ('[columns]\norder_id = "{a}-{b}"\n', "`a`"),
        ('colums = "x"\n', "unknown field `colums`"),
        ('decimal = "x"\n', "decimal"),
        ('currency = "euro"\n', "currency"),
        ('timezone = "Mars/Base"\n', "no time zone `Mars/Base`"),
        ('email_template = "{customer_id}@gmail.com"\n', "may belong to somebody"),
    ],
)
async def test_a_wrong_mapping_is_told(importer, toml, says):
    mapping = importer.write(toml, "map.toml")
    with pytest.raises(InvalidInput, match=re.escape(says)):
        await importer.lines("o1,2026-01-01,c1,,a,b,1,2", mapping=mapping)
    assert await importer.rows("SELECT 1 FROM profiles_order") == []


async def test_no_mapping_file_and_no_such_preset(importer, tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read"):
        await importer.lines("o1,2026-01-01,c1,,a,b,1,2", mapping=tmp_path / "none.toml")
    with pytest.raises(InvalidInput, match="no preset `magento` for orders") as caught:
        await importer.lines("o1,2026-01-01,c1,,a,b,1,2", preset="magento")
    assert "canonical, online-retail, shopify" in caught.value.fix
