"""The durable lane: events, and their delivery to each subscription."""

from kernel.db.ddl import tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T03:12:00:100003"
DESCRIPTION = "outbox of events, deliveries"

SQL = f"""
{tenant_table("events_event", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  type text NOT NULL,
  version int NOT NULL,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT now(),
  customer_id bigint,
  payload jsonb NOT NULL,
  relayed_at timestamptz''', "id")}
CREATE INDEX events_event_unrelayed ON events_event (tenant_id, id) WHERE relayed_at IS NULL;
CREATE INDEX events_event_customer ON events_event (tenant_id, customer_id, occurred_at)
  WHERE customer_id IS NOT NULL;
{tenant_table("events_delivery", '''
  event_id bigint NOT NULL,
  subscription text NOT NULL,
  state text NOT NULL DEFAULT 'pending'
    CHECK (state IN ('pending', 'done', 'skipped', 'dead')),
  attempts int NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  error text NOT NULL DEFAULT '',
  updated_at timestamptz NOT NULL DEFAULT now()''', "event_id, subscription")}
CREATE INDEX events_delivery_due ON events_delivery (tenant_id, subscription, due_at, event_id)
  WHERE state = 'pending';
CREATE INDEX events_delivery_dead ON events_delivery (tenant_id, event_id, subscription)
  WHERE state = 'dead';
"""

forwards = sql_migration(ID, "events", DESCRIPTION, SQL)
