"""Sending under control: waves, pace, mailboxes, and where ledger and provider differ."""

from kernel.db.ddl import tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T17:10:00:520001"
DESCRIPTION = "waves, pace, mailboxes, differences"

# What goes out already when this is installed goes on as it was: begun, without waves. The default
# fills what is there without an UPDATE, which row-level security would keep from seeing any row.
SQL = f"""
ALTER TABLE pipeline_campaign
  ADD COLUMN begun_at timestamptz DEFAULT now(),
  ADD COLUMN begin_after bigint NOT NULL DEFAULT 0,
  ADD COLUMN urgent boolean NOT NULL DEFAULT false,
  ADD COLUMN wave smallint NOT NULL DEFAULT 0,
  ADD COLUMN wave_of int NOT NULL DEFAULT 0,
  ADD COLUMN wave_left int,
  ADD COLUMN wave_at timestamptz,
  ADD COLUMN forgiven_accepted int NOT NULL DEFAULT 0,
  ADD COLUMN forgiven_bounces int NOT NULL DEFAULT 0,
  ADD COLUMN forgiven_complaints int NOT NULL DEFAULT 0;
ALTER TABLE pipeline_campaign ALTER COLUMN begun_at DROP DEFAULT;
ALTER TABLE pipeline_message ADD COLUMN mailbox text NOT NULL DEFAULT '';
CREATE INDEX pipeline_message_accepted ON pipeline_message (tenant_id, accepted_at)
  INCLUDE (mailbox, id) WHERE accepted_at IS NOT NULL;
CREATE INDEX pipeline_outcome_bad ON pipeline_outcome (tenant_id, kind, at)
  INCLUDE (message_id) WHERE kind IN ('bounced', 'complained');
{tenant_table("pipeline_pace", '''
  what text NOT NULL,
  free_at timestamptz NOT NULL,
  open_at timestamptz NOT NULL''', "what")}
{tenant_table("pipeline_difference", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  day date NOT NULL,
  channel text NOT NULL,
  kind text NOT NULL,
  detail text NOT NULL,
  campaign_id uuid,
  message_id uuid,
  found_at timestamptz NOT NULL''', "id")}
CREATE UNIQUE INDEX pipeline_difference_once ON pipeline_difference
  (tenant_id, day, channel, kind, message_id, campaign_id, md5(detail)) NULLS NOT DISTINCT;
"""

forwards = sql_migration(ID, "pipeline", DESCRIPTION, SQL)
