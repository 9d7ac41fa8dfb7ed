"""Autonomy: what is wished and allowed, each change of it, the shadow of `automatic`, digests, undo."""

from kernel.db.ddl import APP_ROLE, SYSTEM_ROLE, append_only, tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T13:50:00:440001"
DESCRIPTION = "autonomy levels, their changes, shadow mode, digests, undo"

LEVELS = "('manual', 'one_click', 'automatic')"

SQL = f"""
ALTER TABLE pipeline_campaign ADD COLUMN hold_until timestamptz;
-- campaign_type '' stands for all types. NULL: nothing chosen here, the next wider wish counts.
{tenant_table("pipeline_autonomy", f'''
  campaign_type text NOT NULL,
  wish text CHECK (wish IN {LEVELS}),
  threshold double precision CHECK (threshold BETWEEN 0.5 AND 1),
  needed int,
  ceiling text NOT NULL DEFAULT 'automatic' CHECK (ceiling IN {LEVELS}),
  ceiling_at timestamptz,
  ceiling_why text NOT NULL DEFAULT '',
  effective text NOT NULL DEFAULT 'manual' CHECK (effective IN {LEVELS}),
  changed_at timestamptz,
  changed_by text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT ''
''', "campaign_type")}
{tenant_table("pipeline_autonomy_change", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  campaign_type text NOT NULL,
  what text NOT NULL CHECK (what IN ('wish', 'threshold', 'needed', 'ceiling', 'effective')),
  before text NOT NULL,
  after text NOT NULL,
  reason text NOT NULL DEFAULT ''
''', "id")}
{append_only("pipeline_autonomy_change")}
{tenant_table("pipeline_shadow", f'''
  campaign_id uuid NOT NULL,
  campaign_type text NOT NULL,
  at timestamptz NOT NULL,
  level text NOT NULL CHECK (level IN {LEVELS}),
  decisions int NOT NULL,
  sends int NOT NULL,
  breaches int NOT NULL,
  offers int NOT NULL,
  reserved double precision NOT NULL,
  raw double precision NOT NULL,
  calibrated double precision,
  threshold double precision NOT NULL,
  would_send boolean NOT NULL,
  why text NOT NULL
''', "campaign_id")}
CREATE INDEX pipeline_shadow_type ON pipeline_shadow (tenant_id, campaign_type, at);
{append_only("pipeline_shadow")}
{tenant_table("pipeline_digest", '''
  day date NOT NULL,
  at timestamptz NOT NULL,
  content jsonb NOT NULL
''', "day")}
-- What a rejection took away, for as long as it can be taken back.
{tenant_table("pipeline_undo", '''
  campaign_id uuid NOT NULL,
  message_id uuid NOT NULL,
  at timestamptz NOT NULL,
  state text NOT NULL,
  reason text NOT NULL,
  due_at timestamptz
''', "campaign_id, message_id")}
CREATE INDEX pipeline_undo_at ON pipeline_undo (tenant_id, at);

-- What people said of campaigns: their last word on each, never that of `autonomy`.
CREATE VIEW pipeline_judgement WITH (security_invoker = true) AS
SELECT c.tenant_id, c.id AS campaign_id, c.campaign_type, c.confidence AS raw, a.at, a.actor,
       a.id AS act, a.detail ? 'at_once' AS at_once,
       CASE WHEN a.action <> 'approve' THEN 'rejected'
            WHEN EXISTS (SELECT FROM pipeline_approval e WHERE e.tenant_id = c.tenant_id
              AND e.campaign_id = c.id AND e.id < a.id AND e.action IN ('edit', 'exclude'))
            THEN 'edited' ELSE 'approved' END AS verdict
FROM pipeline_campaign c
CROSS JOIN LATERAL (
  SELECT * FROM pipeline_approval a WHERE a.tenant_id = c.tenant_id AND a.campaign_id = c.id
    AND (a.action IN ('approve', 'reject', 'undo')
         OR a.action = 'cancel' AND c.approved_by = 'autonomy')
  ORDER BY a.id DESC LIMIT 1
) a
WHERE c.decided_at IS NOT NULL AND a.action <> 'undo' AND a.actor <> 'autonomy';
GRANT SELECT ON pipeline_judgement TO {APP_ROLE}, {SYSTEM_ROLE};
"""

forwards = sql_migration(ID, "pipeline", DESCRIPTION, SQL)
