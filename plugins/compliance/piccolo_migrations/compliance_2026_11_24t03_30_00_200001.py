"""The suppression list: addresses that must not be written to, as keyed hashes only."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T03:30:00:200001"
DESCRIPTION = "suppression list"

SQL = f"""
{tenant_table("compliance_suppression", '''
  email_hmac bytea NOT NULL,
  key_id text NOT NULL,
  reason text NOT NULL
    CHECK (reason IN ('unsubscribed', 'complained', 'bounced', 'erased', 'manual')),
  was jsonb NOT NULL DEFAULT '{}',
  message_id uuid,
  at timestamptz NOT NULL''', "email_hmac")}
CREATE INDEX compliance_suppression_key ON compliance_suppression (tenant_id, key_id);
"""

forwards = sql_migration(ID, "compliance", DESCRIPTION, SQL)
