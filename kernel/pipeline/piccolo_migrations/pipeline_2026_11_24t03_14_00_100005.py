"""Campaigns, variants, the send ledger, decisions, approvals, outcomes, the conservation law."""

from kernel.db.ddl import APP_ROLE, SYSTEM_ROLE, append_only, tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T03:14:00:100005"
DESCRIPTION = "campaigns, ledger, decisions, approvals, outcomes, conservation law"

SQL = f"""
{tenant_table("pipeline_campaign", '''
  id uuid NOT NULL,
  key text NOT NULL,
  campaign_type text NOT NULL,
  plugin text NOT NULL,
  plugin_version text NOT NULL,
  title text NOT NULL,
  rationale text NOT NULL,
  confidence double precision NOT NULL,
  status text NOT NULL DEFAULT 'deciding' CHECK (status IN
    ('deciding', 'waiting', 'sending', 'paused', 'finished', 'rejected', 'cancelled')),
  channel text NOT NULL DEFAULT 'outbox',
  audience int NOT NULL DEFAULT 0,
  audience_rule jsonb NOT NULL,
  context text NOT NULL,
  send_at timestamptz,
  expires_at timestamptz NOT NULL,
  proposed_at timestamptz NOT NULL,
  decided_at timestamptz,
  approved_at timestamptz,
  approved_by text NOT NULL DEFAULT '',
  reason text NOT NULL DEFAULT '',
  finished_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now()''', "id")}
CREATE UNIQUE INDEX pipeline_campaign_key ON pipeline_campaign (tenant_id, key);
CREATE INDEX pipeline_campaign_status ON pipeline_campaign (tenant_id, status, proposed_at);
{tenant_table("pipeline_variant", '''
  campaign_id uuid NOT NULL,
  variant text NOT NULL,
  copy jsonb NOT NULL,
  original jsonb NOT NULL,
  edited_at timestamptz,
  edited_by text NOT NULL DEFAULT ''
''', "campaign_id, variant")}
{tenant_table("pipeline_message", '''
  campaign_id uuid NOT NULL,
  customer_id bigint NOT NULL,
  step smallint NOT NULL DEFAULT 1,
  id uuid NOT NULL,
  state text NOT NULL DEFAULT 'candidate' CHECK (state IN
    ('candidate', 'planned', 'deferred', 'attempting', 'accepted', 'delivered',
     'bounced', 'rejected', 'unknown', 'skipped', 'held_out', 'suppressed', 'capped', 'cancelled')),
  reason text NOT NULL DEFAULT '',
  decision_id uuid,
  variant text NOT NULL DEFAULT '',
  due_at timestamptz,
  created_at timestamptz NOT NULL,
  lease_until timestamptz,
  attempts smallint NOT NULL DEFAULT 0,
  attempted_at timestamptz,
  accepted_at timestamptz,
  provider_id text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL DEFAULT now()''', "campaign_id, customer_id, step")}
CREATE UNIQUE INDEX pipeline_message_id ON pipeline_message (tenant_id, id);
CREATE INDEX pipeline_message_state ON pipeline_message (tenant_id, campaign_id, state, customer_id);
CREATE INDEX pipeline_message_customer ON pipeline_message (tenant_id, customer_id, attempted_at);
CREATE INDEX pipeline_message_lease ON pipeline_message (tenant_id, lease_until)
  WHERE lease_until IS NOT NULL;
{tenant_table("pipeline_context", '''
  digest text NOT NULL,
  content jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()''', "digest")}
{append_only("pipeline_context")}
{tenant_table("pipeline_decision", '''
  id uuid NOT NULL,
  customer_id bigint NOT NULL,
  occasion text NOT NULL,
  campaign_id uuid NOT NULL,
  decided_at timestamptz NOT NULL,
  send boolean NOT NULL,
  policy text NOT NULL,
  record bytea NOT NULL''', "id")}
CREATE UNIQUE INDEX pipeline_decision_occasion
  ON pipeline_decision (tenant_id, customer_id, occasion);
{append_only("pipeline_decision")}
{tenant_table("pipeline_approval", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  campaign_id uuid NOT NULL,
  at timestamptz NOT NULL,
  actor text NOT NULL,
  action text NOT NULL,
  reason text NOT NULL DEFAULT '',
  detail jsonb NOT NULL DEFAULT '{}'
''', "id")}
CREATE INDEX pipeline_approval_campaign ON pipeline_approval (tenant_id, campaign_id, id);
{append_only("pipeline_approval")}
{tenant_table("pipeline_outcome", '''
  message_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN
    ('delivered', 'bounced', 'clicked', 'ordered', 'replied', 'unsubscribed', 'complained')),
  at timestamptz NOT NULL,
  customer_id bigint NOT NULL,
  detail jsonb NOT NULL DEFAULT '{}'
''', "message_id, kind")}
CREATE INDEX pipeline_outcome_customer ON pipeline_outcome (tenant_id, customer_id, at);

-- The conservation law. Every ledger row stands in exactly one column, so `holds` can only be false
-- when a row was lost or doubled after the audience was frozen.
CREATE VIEW pipeline_conservation WITH (security_invoker = true) AS
SELECT c.tenant_id, c.id AS campaign_id, c.audience, n.sent, n.skipped, n.suppressed, n.capped,
       n.held_out, n.deferred, n.failed, n.unknown, n.waiting,
       c.audience = n.total AND n.total = n.sent + n.skipped + n.suppressed + n.capped + n.held_out
         + n.deferred + n.failed + n.unknown + n.waiting AS holds
FROM pipeline_campaign c
CROSS JOIN LATERAL (
  SELECT count(*) AS total,
         count(*) FILTER (WHERE state IN ('accepted', 'delivered', 'bounced')) AS sent,
         count(*) FILTER (WHERE state IN ('skipped', 'cancelled')) AS skipped,
         count(*) FILTER (WHERE state = 'suppressed') AS suppressed,
         count(*) FILTER (WHERE state = 'capped') AS capped,
         count(*) FILTER (WHERE state = 'held_out') AS held_out,
         count(*) FILTER (WHERE state = 'deferred') AS deferred,
         count(*) FILTER (WHERE state = 'rejected') AS failed,
         count(*) FILTER (WHERE state = 'unknown') AS unknown,
         count(*) FILTER (WHERE state IN ('candidate', 'planned', 'attempting'))
           AS waiting
  FROM pipeline_message m WHERE m.tenant_id = c.tenant_id AND m.campaign_id = c.id
) n;
GRANT SELECT ON pipeline_conservation TO {APP_ROLE}, {SYSTEM_ROLE};
"""

forwards = sql_migration(ID, "pipeline", DESCRIPTION, SQL)
