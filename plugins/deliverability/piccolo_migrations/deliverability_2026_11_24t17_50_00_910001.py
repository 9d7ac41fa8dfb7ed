"""What the DNS said of a sender, when it was asked, and which mailbox providers get no mail."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T17:50:00:910001"
DESCRIPTION = "checks, runs, pauses"

SQL = f"""
{tenant_table("deliverability_check", '''
  what text NOT NULL,
  place smallint NOT NULL,
  subject text NOT NULL,
  state text NOT NULL CHECK (state IN ('ok', 'warn', 'bad', 'unknown')),
  words text NOT NULL,
  found text NOT NULL,
  wanted jsonb NOT NULL,
  checked_at timestamptz NOT NULL,
  ok_at timestamptz''', "what")}
{tenant_table("deliverability_run", '''
  what text NOT NULL,
  at timestamptz NOT NULL''', "what")}
{tenant_table("deliverability_pause", '''
  mailbox text NOT NULL,
  since timestamptz NOT NULL,
  reason text NOT NULL,
  calm_since timestamptz,
  lifted_at timestamptz,
  lifted_by text NOT NULL DEFAULT '',
  lifted_reason text NOT NULL DEFAULT '',
  by_hand boolean NOT NULL DEFAULT false''', "mailbox, since")}
CREATE UNIQUE INDEX deliverability_pause_open ON deliverability_pause (tenant_id, mailbox)
  WHERE lifted_at IS NULL;
"""

forwards = sql_migration(ID, "deliverability", DESCRIPTION, SQL)
