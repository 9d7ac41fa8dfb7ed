"""The suppression list, which was the compliance plugin's: addresses as keyed hashes only."""

from kernel.db.ddl import tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T17:05:00:500301"
DESCRIPTION = "suppression list"

SQL = f"""
{tenant_table("profiles_suppression", '''
  email_hmac bytea NOT NULL,
  topic text NOT NULL DEFAULT '',
  key_id text NOT NULL,
  reason text NOT NULL
    CHECK (reason IN ('unsubscribed', 'complained', 'bounced', 'erased', 'manual')),
  was jsonb NOT NULL DEFAULT '{}',
  message_id uuid,
  at timestamptz NOT NULL''', "email_hmac, topic")}
CREATE INDEX profiles_suppression_key ON profiles_suppression (tenant_id, key_id);
CREATE INDEX profiles_suppression_newest ON profiles_suppression (tenant_id, at, email_hmac, topic);
"""

forwards = sql_migration(ID, "profiles", DESCRIPTION, SQL)
