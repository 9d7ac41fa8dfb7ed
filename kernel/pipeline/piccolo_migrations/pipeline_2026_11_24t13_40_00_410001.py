"""What was found out for decisions, where a campaign stands with asking, and what decisions are found by."""

from kernel.db.ddl import append_only, tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T13:40:00:410001"
DESCRIPTION = "advice, consulting, columns to find decisions by"

SQL = f"""
-- One row an answer, which may advise about many customers. It holds nothing of a customer.
{tenant_table("pipeline_advice", '''
  id uuid NOT NULL,
  campaign_id uuid NOT NULL,
  plugin text NOT NULL,
  answer text NOT NULL,
  model text NOT NULL,
  prompt_hash text NOT NULL,
  fallback text NOT NULL,
  tokens int NOT NULL,
  cost_micros bigint NOT NULL,
  shared int NOT NULL,
  at timestamptz NOT NULL''', "id")}
CREATE INDEX pipeline_advice_at ON pipeline_advice (tenant_id, at);
{append_only("pipeline_advice")}

-- consult_at: when to ask again, by the machine's time; NULL: now. The walk over the candidates is
-- kept here too, since one may take many turns: the last one looked at, and the soonest time at which
-- one of those that were pending wants to be asked again.
ALTER TABLE pipeline_campaign
  ADD COLUMN created_at timestamptz NOT NULL DEFAULT now(),
  ADD COLUMN consult_at timestamptz,
  ADD COLUMN consult_next timestamptz,
  ADD COLUMN consult_customer bigint NOT NULL DEFAULT 0,
  ADD COLUMN consult_step smallint NOT NULL DEFAULT 0;

ALTER TABLE pipeline_decision
  ADD COLUMN campaign_type text NOT NULL DEFAULT '',
  ADD COLUMN plugin text NOT NULL DEFAULT '',
  ADD COLUMN fallback text NOT NULL DEFAULT '',
  ADD COLUMN guardrails text[];
-- Its owner, who runs this, is walled in otherwise.
ALTER TABLE pipeline_decision NO FORCE ROW LEVEL SECURITY;
UPDATE pipeline_decision d SET campaign_type = r.record ->> 'campaign_type',
  plugin = r.record ->> 'plugin', fallback = r.record #>> '{{decision,fallback}}',
  guardrails = CASE WHEN r.record -> 'changes' <> '[]' THEN
    ARRAY(SELECT c ->> 'guardrail' FROM jsonb_array_elements(r.record -> 'changes') c) END
FROM (SELECT tenant_id, id, convert_from(record, 'UTF8')::jsonb AS record FROM pipeline_decision) r
WHERE r.tenant_id = d.tenant_id AND r.id = d.id;
ALTER TABLE pipeline_decision FORCE ROW LEVEL SECURITY;
CREATE INDEX pipeline_decision_at ON pipeline_decision (tenant_id, decided_at, id);
CREATE INDEX pipeline_decision_fallback ON pipeline_decision (tenant_id, id) WHERE fallback <> '';
CREATE INDEX pipeline_decision_changed ON pipeline_decision (tenant_id, id)
  WHERE guardrails IS NOT NULL;
"""

forwards = sql_migration(ID, "pipeline", DESCRIPTION, SQL)
