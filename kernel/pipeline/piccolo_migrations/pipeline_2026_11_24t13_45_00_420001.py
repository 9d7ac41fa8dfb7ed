"""Variants: where their words come from, and every version they ever had."""

from kernel.db.ddl import append_only, tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T13:45:00:420001"
DESCRIPTION = "variants: source, cost, versions"

TABLES = ("pipeline_campaign", "pipeline_variant", "pipeline_variant_version")
"""Whose rows this migration reads and writes: their owner, who runs it, is walled in otherwise."""

# `settled` is false from the proposal until everybody is decided and the words are final; what stands
# here today is. `opened_at` and `consult_at` are machine time, whatever clock the tenant has.
SQL = f"""
ALTER TABLE pipeline_variant
  ADD COLUMN version int NOT NULL DEFAULT 1,
  ADD COLUMN source text NOT NULL DEFAULT 'template',
  ADD COLUMN model text NOT NULL DEFAULT '',
  ADD COLUMN prompt_hash text NOT NULL DEFAULT '',
  ADD COLUMN tokens int NOT NULL DEFAULT 0,
  ADD COLUMN cost_micros bigint NOT NULL DEFAULT 0,
  ADD COLUMN fallback text NOT NULL DEFAULT '',
  ADD COLUMN tone text NOT NULL DEFAULT '',
  ADD COLUMN segment text NOT NULL DEFAULT '',
  ADD COLUMN language text NOT NULL DEFAULT 'en',
  ADD COLUMN offer boolean NOT NULL DEFAULT false,
  ADD COLUMN settled boolean NOT NULL DEFAULT true,
  ADD COLUMN opened_at timestamptz NOT NULL DEFAULT now();
ALTER TABLE pipeline_variant ALTER COLUMN settled SET DEFAULT false;
ALTER TABLE pipeline_campaign ADD COLUMN IF NOT EXISTS consult_at timestamptz;
{tenant_table("pipeline_variant_version", '''
  campaign_id uuid NOT NULL,
  variant text NOT NULL,
  version int NOT NULL,
  copy jsonb NOT NULL,
  source text NOT NULL,
  action text NOT NULL,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  why text NOT NULL DEFAULT ''
''', "campaign_id, variant, version")}
{append_only("pipeline_variant_version")}
{"".join(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY;" for table in TABLES)}
UPDATE pipeline_variant SET tone = variant, version = CASE WHEN edited_at IS NULL THEN 1 ELSE 2 END;
INSERT INTO pipeline_variant_version
SELECT v.tenant_id, v.campaign_id, v.variant, 1, v.original, 'template', 'propose', c.proposed_at,
       'system', ''
FROM pipeline_variant v
JOIN pipeline_campaign c ON c.tenant_id = v.tenant_id AND c.id = v.campaign_id;
INSERT INTO pipeline_variant_version
SELECT tenant_id, campaign_id, variant, 2, copy, 'merchant', 'edit', edited_at, edited_by, ''
FROM pipeline_variant WHERE edited_at IS NOT NULL;
{"".join(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY;" for table in TABLES)}
"""

forwards = sql_migration(ID, "pipeline", DESCRIPTION, SQL)
