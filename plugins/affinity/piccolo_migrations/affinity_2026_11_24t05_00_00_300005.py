"""What was offered to whom, so that it is not offered again soon."""

from kernel.sdk import sql_migration, tenant_table

ID = "2026-11-24T05:00:00:300005"
DESCRIPTION = "offers"

SQL = f"""
{tenant_table("affinity_offer", '''
  customer_id bigint NOT NULL,
  sku text NOT NULL,
  at timestamptz NOT NULL''', "customer_id, sku")}
CREATE INDEX affinity_offer_old ON affinity_offer (tenant_id, at);
"""

forwards = sql_migration(ID, "affinity", DESCRIPTION, SQL)
