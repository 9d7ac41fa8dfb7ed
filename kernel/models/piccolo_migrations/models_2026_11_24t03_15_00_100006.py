"""Artefacts of trained models with how they did, and when each model scored last."""

from kernel.db.ddl import tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T03:15:00:100006"
DESCRIPTION = "trained models, and when they scored"

SQL = f"""
{tenant_table("models_artefact", '''
  model text NOT NULL,
  number int NOT NULL,
  plugin text NOT NULL,
  state text NOT NULL CHECK (state IN ('in_use', 'retired', 'refused', 'abstained')),
  reason text NOT NULL,
  code_version text NOT NULL,
  feature_hash text NOT NULL,
  made_at timestamptz NOT NULL,
  seconds real NOT NULL,
  trained jsonb,
  evaluation jsonb,
  artefact bytea,
  size int NOT NULL DEFAULT 0
''', "model, number")}
CREATE UNIQUE INDEX models_artefact_in_use ON models_artefact (tenant_id, model)
  WHERE state = 'in_use';
{tenant_table("models_scoring", '''
  model text NOT NULL,
  number int NOT NULL,
  scored_at timestamptz NOT NULL,
  seen_at timestamptz NOT NULL,
  customers int NOT NULL,
  written int NOT NULL,
  seconds real NOT NULL
''', "model")}
-- Who ordered since the last scoring. Orders are stored in the order of this column, so a block range
-- index finds them at next to no cost for imports.
CREATE INDEX profiles_order_created ON profiles_order USING brin (tenant_id, created_at)
  WITH (pages_per_range = 32, autosummarize = on);
"""

forwards = sql_migration(ID, "models", DESCRIPTION, SQL)
