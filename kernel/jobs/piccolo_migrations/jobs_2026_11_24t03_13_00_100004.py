"""Work to be done later, the last slot of each regular job, and how far long work has come."""

from kernel.db.ddl import tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T03:13:00:100004"
DESCRIPTION = "tasks, schedule, progress"

SQL = f"""
{tenant_table("jobs_task", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  job text NOT NULL,
  long boolean NOT NULL,
  payload jsonb NOT NULL,
  key text,
  state text NOT NULL DEFAULT 'due'
    CHECK (state IN ('due', 'running', 'done', 'skipped', 'dead')),
  attempts int NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  error text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()''', "id")}
CREATE UNIQUE INDEX jobs_task_key ON jobs_task (tenant_id, job, key)
  WHERE state = 'due' AND key IS NOT NULL;
CREATE INDEX jobs_task_open ON jobs_task (tenant_id, long, state, due_at)
  WHERE state IN ('due', 'running');
CREATE INDEX jobs_task_dead ON jobs_task (tenant_id, updated_at) WHERE state = 'dead';
{tenant_table("jobs_schedule", '''
  job text NOT NULL,
  slot timestamptz NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()''', "job")}
{tenant_table("jobs_progress", '''
  key text NOT NULL,
  title text NOT NULL,
  done bigint NOT NULL DEFAULT 0,
  total bigint,
  note text NOT NULL DEFAULT '',
  started_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  error text NOT NULL DEFAULT ''
''', "key")}
"""

forwards = sql_migration(ID, "jobs", DESCRIPTION, SQL)
