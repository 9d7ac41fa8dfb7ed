"""Large posts as they came, until they are taken apart."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T19:10:00:740001"
DESCRIPTION = "large posts"

# Not compressed: a post waits for seconds, and whoever sent it waits for the answer.
SQL = f"""
{tenant_table("sendgrid_post", '''
  digest bytea NOT NULL,
  received_at timestamptz NOT NULL,
  raw bytea NOT NULL''', "digest")}
ALTER TABLE sendgrid_post ALTER COLUMN raw SET STORAGE EXTERNAL;
CREATE INDEX sendgrid_post_received ON sendgrid_post (tenant_id, received_at);
"""

forwards = sql_migration(ID, "sendgrid", DESCRIPTION, SQL)
