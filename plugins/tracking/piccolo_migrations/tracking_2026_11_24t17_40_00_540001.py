"""Destinations of links, what was followed, and which order came after which click."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T17:40:00:540001"
DESCRIPTION = "links, hits, attributed orders"

SQL = f"""
{tenant_table("tracking_link", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  url text NOT NULL,
  digest bytea NOT NULL,
  created_at timestamptz NOT NULL''', "id")}
CREATE UNIQUE INDEX tracking_link_digest ON tracking_link (tenant_id, digest);
{tenant_table("tracking_hit", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  kind text NOT NULL CHECK (kind IN ('click', 'open')),
  message_id uuid,
  link_id bigint NOT NULL,
  at timestamptz NOT NULL,
  head boolean NOT NULL,
  agent text NOT NULL CHECK (agent IN ('browser', 'scanner', 'proxy', 'none')),
  verdict text NOT NULL DEFAULT '' CHECK (verdict IN ('', 'human', 'scanner', 'hint', 'stray')),
  reason text NOT NULL DEFAULT '',
  customer_id bigint,
  campaign_id uuid''', "id")}
CREATE INDEX tracking_hit_open ON tracking_hit (tenant_id, at) WHERE verdict = '';
CREATE INDEX tracking_hit_message ON tracking_hit (tenant_id, message_id, at);
CREATE INDEX tracking_hit_campaign ON tracking_hit (tenant_id, campaign_id);
CREATE INDEX tracking_hit_customer ON tracking_hit (tenant_id, customer_id, at)
  WHERE kind = 'click' AND verdict = 'human';
CREATE INDEX tracking_hit_day ON tracking_hit (tenant_id, at);
{tenant_table("tracking_order", '''
  order_id bigint NOT NULL,
  ordered_at timestamptz NOT NULL,
  settled boolean NOT NULL DEFAULT false,
  message_id uuid,
  campaign_id uuid,
  clicked_at timestamptz''', "order_id")}
CREATE INDEX tracking_order_open ON tracking_order (tenant_id, ordered_at) WHERE NOT settled;
CREATE INDEX tracking_order_campaign ON tracking_order (tenant_id, campaign_id);
CREATE INDEX tracking_order_message ON tracking_order (tenant_id, message_id);
"""

forwards = sql_migration(ID, "tracking", DESCRIPTION, SQL)
