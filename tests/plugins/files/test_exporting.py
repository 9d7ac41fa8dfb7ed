"""A tenant gets everything back, and it can be read in again."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from kernel.sdk import Trait, write_traits
from plugins.files.exporting import export_tenant
from plugins.files.importing import Options, import_file

CUSTOMERS = """customer_id,email,first_name,last_name,country,timezone,tags,consent,consent_at,consent_source,created_at
c1,ada@example.com,"Ada ""A""X",O'Neil,GB,Europe/London,"b2b,vip",yes,2025-01-01T10:00:00Z,checkout,2024-06-01
c2,,"=HYPERLINK(""x"")","line, comma",,,,no,2025-02-01T00:00:00Z,form,2024-06-02
"""
ORDERS = """order_id,ordered_at,customer_id,email,sku,title,quantity,unit_price,amount,currency,kind,status,test,is_product
o1,2026-01-01T10:00:00Z,c1,,A,"Bowl, ""large"" one",2,10.5055,25.00,EUR,,,,
o1,2026-01-01T10:00:00Z,c1,,POST,,1,4,25.00,EUR,,,,no
o2,2026-01-02T10:00:00Z,,guest@example.com,A,,-1,10,,EUR,return,,,
o3,2026-01-03T10:00:00Z,c2,,,,,,7.50,SEK,,cancelled,yes,
o4,2026-01-04T10:00:00Z,,,B,,1,3,,EUR,,,,
"""
PRODUCTS = 'sku,title,price,tags,status,inventory,url\nA,Bowl,10.50,"x,y",active,3,/products/bowl\nB,Cup,,,draft,,\n'


@pytest.fixture
async def shop(core: Any, tmp_path: Any) -> Any:
    """alpha with customers, products, orders and a trait."""
    async with core.tenant_scope("alpha") as ctx:
        for kind, text in (("customers", CUSTOMERS), ("products", PRODUCTS), ("orders", ORDERS)):
            path = tmp_path / f"{kind}.csv"
            path.write_text(text)
            assert (await import_file(ctx, kind, path, Options())).rows["skipped"] == 0
        who = await ctx.db.fetchval("SELECT id FROM profiles_customer WHERE external_id = 'c1'")
        await write_traits(
            ctx, "rfm", "1", [Trait(customer_id=who, name="rfm.score", value={"r": 5})]
        )
    return core


async def export(core: Any, folder: Any, form: str, tenant: str = "alpha") -> dict[str, int]:
    tables = {t: n for n, p in core.board.plugins.items() for t in p.manifest.tables}
    async with core.tenant_scope(tenant) as ctx:
        return await export_tenant(ctx, folder, form, tables)


@pytest.mark.parametrize("form", ["csv", "parquet", "jsonl"])
async def test_what_goes_out_comes_in_again_the_same(shop, tmp_path, form):
    folder = tmp_path / "out"
    counts = await export(shop, folder, form)
    assert {n: counts[f"{n}.{form}"] for n in ("customers", "products", "orders", "order_lines", "traits", "imports")} == {
        "customers": 3, "products": 2, "orders": 4, "order_lines": 5, "traits": 1, "imports": 3,
    }  # fmt: skip
    before = await told(shop)
    async with shop.tenant_scope("alpha") as ctx:
        for table in before:
            await ctx.db.execute(f"DELETE FROM {table}")
    for kind, name in (
        ("customers", "customers"),
        ("products", "products"),
        ("orders", "order_lines"),
    ):
        async with shop.tenant_scope("alpha") as ctx:
            report = await import_file(ctx, kind, folder / f"{name}.{form}", Options())
            assert report.rows["skipped"] == 0, report
    assert await told(shop) == before


async def told(core: Any) -> dict[str, list[tuple[Any, ...]]]:
    """All that a file can carry, by the shop's own ids."""
    who = "coalesce(nullif(c.external_id, ''), c.email)"
    queries = {
        "profiles_customer": f"""SELECT {who}, email, first_name, last_name, country, timezone, tags,
            email_consent, consent_at, consent_source, orders_count, total_spent, first_order_at,
            created_at FROM profiles_customer c ORDER BY 1""",
        "profiles_product": """SELECT sku, title, price, tags, currency, status, inventory, url,
            is_product FROM profiles_product ORDER BY 1""",
        "profiles_order": f"""SELECT o.external_id, {who}, ordered_at, amount, currency, kind, status,
            is_test FROM profiles_order o LEFT JOIN profiles_customer c ON c.id = o.customer_id
            ORDER BY 1""",
        "profiles_order_line": """SELECT o.external_id, line_no, sku, title, quantity, unit_price,
            l.is_product FROM profiles_order_line l JOIN profiles_order o ON o.id = l.order_id
            ORDER BY 1, 2""",
    }
    async with core.tenant_scope("alpha") as ctx:
        return {t: [tuple(row) for row in await ctx.db.fetch(sql)] for t, sql in queries.items()}


async def test_parquet_has_types_and_csv_is_exact(shop, tmp_path):
    await export(shop, tmp_path / "p", "parquet")
    orders = pl.read_parquet(tmp_path / "p/orders.parquet").sort("order_id")
    assert orders["amount"].to_list() == [
        Decimal("25.00"),
        Decimal("-10.00"),
        Decimal("7.50"),
        Decimal("3.00"),
    ]
    assert orders["ordered_at"][0] == dt.datetime(2026, 1, 1, 10, tzinfo=dt.UTC)
    assert orders["test"].to_list() == [False, False, True, False]
    await export(shop, tmp_path / "c", "csv")
    text = (tmp_path / "c/order_lines.csv").read_text()
    assert ',"Bowl, ""large"" one",2,10.5055,true' in text
    assert "2026-01-01T10:00:00.000000Z" in text


async def test_every_file_and_column_is_described_and_private(shop, tmp_path):
    counts = await export(shop, tmp_path / "out", "csv")
    readme = (tmp_path / "out/README.md").read_text()
    for name in counts:
        path = tmp_path / "out" / name
        assert path.stat().st_mode & 0o077 == 0
        section = readme.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
        for column in path.read_text().splitlines()[0].split(","):
            assert f"| {column} |" in section, (name, column)
    assert "Traceback" not in readme


async def test_every_table_of_the_tenant_is_in_an_export(shop, tmp_path):
    """What is not is machinery: who was told of an event, when a job runs, what a model learned."""
    from plugins.files.exports import FILES

    async with shop.pool.unit_of_work(role=None) as unit:
        tables = {
            row["t"]
            for row in await unit.fetch(
                "SELECT table_name AS t FROM information_schema.columns c JOIN pg_tables p "
                "ON p.tablename = c.table_name WHERE column_name = 'tenant_id' AND table_schema = 'public'"
            )
        }
    own = {t for p in shop.board.plugins.values() for t in p.manifest.tables}
    machinery = {
        "events_delivery", "jobs_schedule", "jobs_progress", "pipeline_context", "tenancy_tenant",
        "tenancy_plugin", "tenancy_audit", "tenancy_health", "jobs_task", "models_artefact",
        "models_scoring", "pipeline_autonomy", "pipeline_digest", "pipeline_undo",
        # The consent ledger has an export of its own, which is signed; the list holds hashes alone.
        "profiles_consent", "profiles_consent_head", "profiles_consent_anchor",
        "profiles_person_key", "profiles_suppression", "profiles_request",
        "pipeline_pace", "pipeline_difference", "pipeline_template", "tenancy_template",
    }  # fmt: skip
    missing = {t for t in tables - own - machinery if not any(t in file.sql for file in FILES)}
    assert missing == set()


async def test_bravo_gets_nothing_of_alpha(shop, tmp_path):
    counts = await export(shop, tmp_path / "out", "csv", tenant="bravo")
    assert set(counts.values()) == {0}
    for path in (tmp_path / "out").iterdir():
        assert "ada@" not in path.read_text()
