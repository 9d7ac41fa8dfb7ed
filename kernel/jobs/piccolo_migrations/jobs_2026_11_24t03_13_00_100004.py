"""What regular jobs ran for which slot, and how far long work has come."""

from kernel.db.ddl import tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T03:13:00:100004"
DESCRIPTION = "schedule and progress"

SQL = f"""
{tenant_table("jobs_schedule", '''
  job text NOT NULL,
  slot timestamptz NOT NULL,
  state text NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'done', 'skipped', 'failed')),
  attempts int NOT NULL DEFAULT 0,
  error text NOT NULL DEFAULT \'\',
  due_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()''', "job")}
{tenant_table("jobs_progress", '''
  key text NOT NULL,
  title text NOT NULL,
  done bigint NOT NULL DEFAULT 0,
  total bigint,
  note text NOT NULL DEFAULT \'\',
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  error text NOT NULL DEFAULT \'\'''', "key")}
"""

forwards = sql_migration(ID, "jobs", DESCRIPTION, SQL)
