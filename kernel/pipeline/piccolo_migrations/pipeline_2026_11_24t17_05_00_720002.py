"""Finding messages by the id their provider gave them: what comes back from it may know no other."""

from kernel.db.migrate import sql_migration

ID = "2026-11-24T17:05:00:720002"
DESCRIPTION = "messages by provider id"

SQL = """
CREATE INDEX pipeline_message_provider ON pipeline_message (tenant_id, provider_id)
  WHERE provider_id <> '';
"""

forwards = sql_migration(ID, "pipeline", DESCRIPTION, SQL)
