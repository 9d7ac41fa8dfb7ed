"""Judgements are of campaigns that ask for one: what customers asked for is approved by the kernel."""

from kernel.db.migrate import sql_migration

ID = "2026-11-24T20:15:00:820001"
DESCRIPTION = "no judgements of transactional campaigns"

# As before, but for `urgent`: else ten mails of the double opt-in would earn a shop its autonomy.
SQL = """
CREATE OR REPLACE VIEW pipeline_judgement WITH (security_invoker = true) AS
SELECT c.tenant_id, c.id AS campaign_id, c.campaign_type, c.confidence AS raw, a.at, a.actor,
       a.id AS act, a.detail ? 'at_once' AS at_once,
       CASE WHEN a.action <> 'approve' THEN 'rejected'
            WHEN EXISTS (SELECT FROM pipeline_approval e WHERE e.tenant_id = c.tenant_id
              AND e.campaign_id = c.id AND e.id < a.id AND e.action IN ('edit', 'restore', 'exclude'))
            THEN 'edited' ELSE 'approved' END AS verdict
FROM pipeline_campaign c
CROSS JOIN LATERAL (
  SELECT * FROM pipeline_approval a WHERE a.tenant_id = c.tenant_id AND a.campaign_id = c.id
    AND (a.action IN ('approve', 'reject', 'undo')
         OR a.action = 'cancel' AND c.approved_by = 'autonomy')
  ORDER BY a.id DESC LIMIT 1
) a
WHERE c.decided_at IS NOT NULL AND NOT c.urgent AND a.action <> 'undo'
  AND a.actor NOT IN ('', 'autonomy', 'kernel', 'schedule', 'relay')
  AND a.actor NOT LIKE 'job %' AND a.actor NOT LIKE 'subscription %';
"""

forwards = sql_migration(ID, "pipeline", DESCRIPTION, SQL)
