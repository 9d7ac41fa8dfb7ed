"""The suppression list moves to the kernel, which migrates first: its table is there already."""

from kernel.sdk import sql_migration

ID = "2026-11-24T17:06:00:500302"
DESCRIPTION = "suppression list moves to the kernel"

# The owner, who runs this, is walled in as well where it is no superuser.
SQL = """
ALTER TABLE compliance_suppression NO FORCE ROW LEVEL SECURITY;
ALTER TABLE profiles_suppression NO FORCE ROW LEVEL SECURITY;
INSERT INTO profiles_suppression
  (tenant_id, email_hmac, topic, key_id, reason, was, message_id, at)
SELECT tenant_id, email_hmac, '', key_id, reason, was, message_id, at FROM compliance_suppression;
ALTER TABLE profiles_suppression FORCE ROW LEVEL SECURITY;
DROP TABLE compliance_suppression;
"""

forwards = sql_migration(ID, "compliance", DESCRIPTION, SQL)
