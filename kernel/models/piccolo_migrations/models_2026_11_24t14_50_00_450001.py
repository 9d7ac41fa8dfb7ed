"""Which transactions a scoring has seen, so that what it saw is not scored again."""

from kernel.db.migrate import sql_migration

ID = "2026-11-24T14:50:00:450001"
DESCRIPTION = "what a scoring has seen"

SQL = "ALTER TABLE models_scoring ADD COLUMN seen_below bigint NOT NULL DEFAULT 0;"

forwards = sql_migration(ID, "models", DESCRIPTION, SQL)
