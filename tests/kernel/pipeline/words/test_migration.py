"""Words of campaigns that are older than their versions: nothing of them is lost in the migration."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

import asyncpg
import pytest_asyncio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

MODULE = "kernel.pipeline.piccolo_migrations.pipeline_2026_11_24t13_45_00_420001"
COLUMNS = ("version", "source", "model", "prompt_hash", "tokens", "cost_micros", "fallback", "tone",
           "segment", "language", "offer", "settled", "opened_at")  # fmt: skip
BEFORE = (
    "DROP TABLE pipeline_variant_version",
    *(f"ALTER TABLE pipeline_variant DROP COLUMN {name}" for name in COLUMNS),
    """INSERT INTO pipeline_campaign (tenant_id, id, key, campaign_type, plugin, plugin_version, title,
         rationale, confidence, audience_rule, context, proposed_at, expires_at)
       VALUES ('alpha', gen_random_uuid(), 'k', 'x', 'x', '1', 'x', '', 0.5, '{}', '', '2026-01-01',
         '2026-02-01')""",
    """INSERT INTO pipeline_variant (tenant_id, campaign_id, variant, copy, original)
       SELECT 'alpha', id, 'warm', '{"subject": "old"}', '{"subject": "old"}' FROM pipeline_campaign""",
    """INSERT INTO pipeline_variant
       SELECT 'alpha', id, 'plain', '{"subject": "new"}', '{"subject": "old"}', '2026-01-02', 'merchant'
       FROM pipeline_campaign""",
    # On a managed database the owner is no superuser, and row-level security is forced upon it.
    "CREATE ROLE landlord NOSUPERUSER NOBYPASSRLS",
    "GRANT USAGE, CREATE ON SCHEMA public TO landlord",
    "ALTER TABLE pipeline_campaign OWNER TO landlord",
    "ALTER TABLE pipeline_variant OWNER TO landlord",
)


@pytest_asyncio.fixture
async def undone(database_url: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    connection: asyncpg.Connection[asyncpg.Record] = await asyncpg.connect(database_url)
    transaction = connection.transaction()
    await transaction.start()
    yield connection
    await transaction.rollback()
    await connection.close()


async def test_words_from_before_become_versions(
    undone: asyncpg.Connection[asyncpg.Record],
) -> None:
    for sql in BEFORE:
        await undone.execute(sql)
    await undone.execute("SET ROLE landlord")
    await undone.execute(importlib.import_module(MODULE).SQL)
    await undone.execute("RESET ROLE")
    rows = await undone.fetch(
        """SELECT variant, version, copy ->> 'subject' AS subject, source, action, actor
           FROM pipeline_variant_version ORDER BY variant, version"""
    )
    assert [tuple(row) for row in rows] == [
        ("plain", 1, "old", "template", "propose", "system"),
        ("plain", 2, "new", "merchant", "edit", "merchant"),
        ("warm", 1, "old", "template", "propose", "system"),
    ]
    rows = await undone.fetch("SELECT tone, version, settled FROM pipeline_variant ORDER BY 1")
    assert [tuple(row) for row in rows] == [("plain", 2, True), ("warm", 1, True)]
    forced = await undone.fetch(
        """SELECT relname FROM pg_class WHERE relname IN ('pipeline_variant', 'pipeline_campaign',
             'pipeline_variant_version') AND NOT (relrowsecurity AND relforcerowsecurity)"""
    )
    assert forced == []
