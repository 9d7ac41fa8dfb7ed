"""However the orders are split, shuffled and repeated, the database ends the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from plugins.files.importing import Options, import_file

WHO = "coalesce(nullif(c.external_id, ''), c.email)"
TOLD = {
    "customers": f"""SELECT {WHO}, c.email, first_name, country, orders_count, total_spent,
        first_order_at, last_order_at, created_at FROM profiles_customer c ORDER BY 1""",
    "orders": f"""SELECT o.external_id, {WHO}, ordered_at, amount, currency, kind, status, is_test,
        content_hash FROM profiles_order o LEFT JOIN profiles_customer c ON c.id = o.customer_id
        ORDER BY 1""",
    "lines": """SELECT o.external_id, line_no, sku, title, quantity, unit_price, l.is_product
        FROM profiles_order_line l JOIN profiles_order o ON o.id = l.order_id ORDER BY 1, 2""",
}
# What a customer is, is the same wherever they are named; some are known by id, some by address.
PEOPLE = [
    {"customer_id": "c1", "email": "one@x.com", "first_name": "Ada"},
    {"customer_id": "c2", "email": None, "first_name": "Bob"},
    {"customer_id": None, "email": "three@x.com", "first_name": "Cyn"},
    {"customer_id": "c4", "email": "four@x.com", "first_name": None},
    {"customer_id": None, "email": None, "first_name": None},
]
COLUMNS = (
    "order_id", "ordered_at", "customer_id", "email", "first_name", "sku", "title", "quantity",
    "unit_price", "currency", "status", "test",
)  # fmt: skip
line = st.fixed_dictionaries(
    {
        "sku": st.sampled_from(["A", "B", "a", "Ä-1", ""]),
        "title": st.sampled_from(["Bowl", "Bowl, large", 'Say "hi"', None]),
        "quantity": st.integers(-3, 9),
        "unit_price": st.sampled_from(["0", "0.001", "2.55", "19.99", "1000"]),
    }
)
order = st.tuples(
    st.sampled_from(range(len(PEOPLE))),
    st.integers(0, 400),
    st.sampled_from(["", "EUR", "SEK"]),
    st.sampled_from(["", "cancelled"]),
    st.sampled_from(["", "yes"]),
    st.lists(line, min_size=1, max_size=4),
)


def rows_of(number: int, one: Any) -> list[dict[str, Any]]:
    person, day, currency, status, test, lines = one
    shared = {
        "order_id": f"o{number}",
        "ordered_at": f"2025-{day % 12 + 1:02}-{day % 28 + 1:02} 0{day % 10}:15",
        "currency": currency,
        "status": status,
        "test": test,
        **PEOPLE[person],
    }
    return [shared | each for each in lines]


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("split")


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(orders=st.lists(order, min_size=1, max_size=7), data=st.data())
async def test_any_split_twice_is_the_whole_once(core: Any, folder: Path, orders, data):
    groups = [rows_of(number, one) for number, one in enumerate(orders)]
    whole = await imported(core, folder, [[row for group in groups for row in group]])

    numbers = st.integers(0, len(groups) - 1)
    parts = data.draw(st.lists(st.lists(numbers, min_size=1, max_size=6), max_size=3))
    parts.append(data.draw(st.permutations(range(len(groups)))))
    files = [
        data.draw(
            st.permutations([row for number in dict.fromkeys(part) for row in groups[number]])
        )
        for part in parts
    ]
    assert await imported(core, folder, [*files, *files]) == whole


async def imported(core: Any, folder: Path, files: list[list[dict[str, Any]]]) -> dict[str, Any]:
    """What the database holds after these files, and nothing of it afterwards."""
    async with core.tenant_scope("alpha") as ctx:
        for number, rows in enumerate(files):
            path = folder / f"{number}.csv"
            texts = [{k: None if v is None else str(v) for k, v in row.items()} for row in rows]
            pl.DataFrame(texts, schema=dict.fromkeys(COLUMNS, pl.String)).write_csv(path)
            report = await import_file(ctx, "orders", path, Options())
            assert report.rows["skipped"] == 0
        told = {name: [tuple(row) for row in await ctx.db.fetch(sql)] for name, sql in TOLD.items()}
        for table in (
            "profiles_order_line",
            "profiles_order",
            "profiles_customer",
            "profiles_import",
            "events_event",
        ):
            await ctx.db.execute(f"DELETE FROM {table}")
    return told
