"""What SendGrid told of each mail, as it came, and how many of each kind a day."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T17:05:00:720001"
DESCRIPTION = "events"

# Of what is known when an event comes, only two short indexes: the rest is written when it is folded.
SQL = f"""
{tenant_table("sendgrid_event", '''
  event_id text NOT NULL,
  received_at timestamptz NOT NULL,
  due_at timestamptz,
  tries smallint NOT NULL DEFAULT 0,
  kind text NOT NULL,
  at timestamptz NOT NULL,
  email text NOT NULL,
  named uuid,
  request text NOT NULL,
  smtp_id text NOT NULL,
  how text NOT NULL,
  message_id uuid,
  raw bytea NOT NULL''', "event_id")}
CREATE INDEX sendgrid_event_due ON sendgrid_event (tenant_id, due_at) WHERE due_at IS NOT NULL;
CREATE INDEX sendgrid_event_received ON sendgrid_event (tenant_id, received_at);
CREATE INDEX sendgrid_event_message ON sendgrid_event (tenant_id, message_id)
  WHERE message_id IS NOT NULL;
CREATE INDEX sendgrid_event_smtp ON sendgrid_event (tenant_id, smtp_id)
  WHERE kind = 'processed' AND how = 'message';
CREATE INDEX sendgrid_event_stray ON sendgrid_event (tenant_id, received_at)
  WHERE how IN ('nobody', 'stranger', 'malformed');
{tenant_table("sendgrid_count", '''
  day date NOT NULL,
  kind text NOT NULL,
  how text NOT NULL,
  events bigint NOT NULL''', "day, kind, how")}
"""

forwards = sql_migration(ID, "sendgrid", DESCRIPTION, SQL)
