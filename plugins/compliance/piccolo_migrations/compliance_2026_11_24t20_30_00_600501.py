"""Which mails said that their offer is about to end, and when that end was."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T20:30:00:600501"
DESCRIPTION = "announced ends of offers"

SQL = f"""
{tenant_table("compliance_closing", '''
  message_id uuid NOT NULL,
  customer_id bigint NOT NULL,
  offer text NOT NULL,
  code text NOT NULL,
  said text NOT NULL,
  ends date NOT NULL,
  at timestamptz NOT NULL''', "message_id")}
CREATE INDEX compliance_closing_customer ON compliance_closing (tenant_id, customer_id);
CREATE INDEX compliance_closing_code ON compliance_closing (tenant_id, code, ends);
"""

forwards = sql_migration(ID, "compliance", DESCRIPTION, SQL)
