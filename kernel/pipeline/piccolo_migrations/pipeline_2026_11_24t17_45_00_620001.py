"""Frozen templates, and which of them each variant uses."""

from kernel.db.ddl import append_only, tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T17:45:00:620001"
DESCRIPTION = "frozen mail templates"

# `templates` of a variant: the names of the blocks, joined -> the digest of the version.
SQL = f"""
ALTER TABLE pipeline_variant ADD COLUMN templates jsonb NOT NULL DEFAULT '{{}}';
{tenant_table("pipeline_template", '''
  digest text NOT NULL,
  name text NOT NULL,
  look jsonb NOT NULL,
  source_digest text NOT NULL,
  html text NOT NULL,
  text text NOT NULL,
  created_at timestamptz NOT NULL''', "digest")}
{append_only("pipeline_template")}
"""

forwards = sql_migration(ID, "pipeline", DESCRIPTION, SQL)
