"""Resellers, tenants, their plugins, the global switch, the audit trail."""

from kernel.db.ddl import APP_ROLE, SYSTEM_ROLE, TENANT, append_only, tenant_table, walls
from kernel.db.migrate import sql_migration

ID = "2026-11-24T03:10:00:100001"
DESCRIPTION = "resellers, tenants, plugins, switches, audit"

SQL = f"""
CREATE TABLE tenancy_reseller (
  reseller_id text PRIMARY KEY,
  name text NOT NULL,
  brand jsonb NOT NULL DEFAULT '{{}}',
  updated_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE tenancy_tenant (
  tenant_id text PRIMARY KEY,
  reseller_id text NOT NULL REFERENCES tenancy_reseller (reseller_id),
  name text NOT NULL,
  timezone text NOT NULL,
  currency text NOT NULL,
  country text NOT NULL,
  sender jsonb NOT NULL,
  postal_address text NOT NULL,
  brand jsonb NOT NULL DEFAULT '{{}}',
  autonomy text NOT NULL DEFAULT 'manual'
    CHECK (autonomy IN ('manual', 'one_click', 'automatic')),
  holdout_percent double precision NOT NULL DEFAULT 5 CHECK (holdout_percent BETWEEN 0 AND 50),
  clock_at timestamptz,
  halted_at timestamptz,
  halted_by text NOT NULL DEFAULT '',
  halted_reason text NOT NULL DEFAULT '',
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);
{walls("tenancy_tenant")}
{walls("tenancy_reseller", "reseller_id = (SELECT t.reseller_id FROM tenancy_tenant t "
       f"WHERE t.tenant_id = {TENANT})")}
{tenant_table("tenancy_plugin", '''
  plugin text NOT NULL,
  enabled boolean NOT NULL DEFAULT true,
  settings jsonb NOT NULL DEFAULT '{}',
  updated_at timestamptz NOT NULL DEFAULT now(),
  updated_by text NOT NULL DEFAULT ''
''', "plugin")}
{tenant_table("tenancy_audit", '''
  id bigint GENERATED ALWAYS AS IDENTITY,
  at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL,
  action text NOT NULL,
  subject text NOT NULL DEFAULT '',
  detail jsonb NOT NULL DEFAULT '{}'
''', "id")}
{append_only("tenancy_audit")}
-- A sign-in link is used up once, a session ended once; every request looks the latter up.
CREATE UNIQUE INDEX tenancy_audit_session ON tenancy_audit (tenant_id, action, subject)
  WHERE action LIKE 'session.%';
CREATE TABLE tenancy_switch (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  halted_at timestamptz,
  halted_by text NOT NULL DEFAULT '',
  halted_reason text NOT NULL DEFAULT ''
);
INSERT INTO tenancy_switch DEFAULT VALUES;
GRANT SELECT ON tenancy_switch TO {APP_ROLE};
GRANT SELECT, UPDATE ON tenancy_switch TO {SYSTEM_ROLE};
CREATE TABLE tenancy_health (
  tenant_id text NOT NULL,
  plugin text NOT NULL,
  what text NOT NULL,
  error text NOT NULL,
  times int NOT NULL DEFAULT 1,
  first_at timestamptz NOT NULL DEFAULT now(),
  last_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, plugin, what)
);
{walls("tenancy_health")}
"""

forwards = sql_migration(ID, "tenancy", DESCRIPTION, SQL)
