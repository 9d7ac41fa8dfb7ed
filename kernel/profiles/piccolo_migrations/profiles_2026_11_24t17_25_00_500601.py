"""What customers asked for by their rights, by when it must be done, and the receipt. No personal data."""

from kernel.db.ddl import tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T17:25:00:500601"
DESCRIPTION = "requests of customers"

SQL = f"""
{tenant_table("profiles_request", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  customer_id bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('export', 'erase')),
  source text NOT NULL DEFAULT '',
  asked_at timestamptz NOT NULL,
  due_at timestamptz NOT NULL,
  actor text NOT NULL,
  tried_at timestamptz,
  done_at timestamptz,
  receipt jsonb NOT NULL DEFAULT '{}' ''', "id")}
CREATE UNIQUE INDEX profiles_request_open ON profiles_request (tenant_id, customer_id, kind)
  WHERE done_at IS NULL;
CREATE INDEX profiles_request_due ON profiles_request (tenant_id, due_at) WHERE done_at IS NULL;
"""

forwards = sql_migration(ID, "profiles", DESCRIPTION, SQL)
