"""Who waits to be erased at SendGrid, and how far its suppressions were taken."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T17:30:00:730001"
DESCRIPTION = "erasures"

SQL = f"""
{tenant_table("sendgrid_erasure", '''
  id uuid NOT NULL,
  asked_at timestamptz NOT NULL,
  next_at timestamptz NOT NULL,
  tries int NOT NULL DEFAULT 0,
  sealed bytea NOT NULL,
  done_at timestamptz,
  how text NOT NULL''', "id")}
CREATE INDEX sendgrid_erasure_due ON sendgrid_erasure (tenant_id, next_at) WHERE done_at IS NULL;
{tenant_table("sendgrid_import", '''
  list text NOT NULL,
  until timestamptz NOT NULL''', "list")}
"""

forwards = sql_migration(ID, "sendgrid", DESCRIPTION, SQL)
