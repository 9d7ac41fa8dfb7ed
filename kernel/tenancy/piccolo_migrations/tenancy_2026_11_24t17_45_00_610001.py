"""The mail templates of a tenant's files, and of its reseller's."""

from kernel.db.ddl import tenant_table
from kernel.db.migrate import sql_migration

ID = "2026-11-24T17:45:00:610001"
DESCRIPTION = "mail templates of tenants"

SQL = tenant_table(
    "tenancy_template",
    """
  name text NOT NULL,
  source text NOT NULL,
  file text NOT NULL,
  updated_at timestamptz NOT NULL DEFAULT now()""",
    "name",
)

forwards = sql_migration(ID, "tenancy", DESCRIPTION, SQL)
