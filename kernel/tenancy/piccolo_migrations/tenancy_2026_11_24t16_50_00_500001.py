"""How fast mail goes out, and what stops it."""

from kernel.db.migrate import sql_migration

ID = "2026-11-24T16:50:00:500001"
DESCRIPTION = "sending"

SQL = """
ALTER TABLE tenancy_tenant ADD COLUMN sending jsonb NOT NULL DEFAULT '{}';
"""

forwards = sql_migration(ID, "tenancy", DESCRIPTION, SQL)
