"""Every message the outbox took, as it would have gone out."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T03:31:00:200002"
DESCRIPTION = "mails"

# message_id is not unique on purpose: a message handed over twice must be seen, not hidden.
# lz4 where the server was built with it; else the text is kept as it is: the default compression takes
# longer than all the rest of the hand-over (see the README for figures).
SQL = f"""
{tenant_table("outbox_mail", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  message_id uuid NOT NULL,
  customer_id bigint NOT NULL,
  to_email text NOT NULL,
  from_email text NOT NULL,
  subject text NOT NULL,
  headers jsonb NOT NULL,
  html text NOT NULL,
  text text NOT NULL,
  at timestamptz NOT NULL,
  purged_at timestamptz''', "id")}
CREATE INDEX outbox_mail_message ON outbox_mail (tenant_id, message_id);
CREATE INDEX outbox_mail_customer ON outbox_mail (tenant_id, customer_id);
CREATE INDEX outbox_mail_old ON outbox_mail (tenant_id, at) WHERE purged_at IS NULL;
DO $$ BEGIN
  ALTER TABLE outbox_mail ALTER html SET COMPRESSION lz4, ALTER text SET COMPRESSION lz4;
EXCEPTION WHEN feature_not_supported THEN
  ALTER TABLE outbox_mail ALTER html SET STORAGE EXTERNAL, ALTER text SET STORAGE EXTERNAL;
END $$;
"""

forwards = sql_migration(ID, "outbox", DESCRIPTION, SQL)
