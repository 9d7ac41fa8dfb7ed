"""The SQL that every table of ours is made with, so that no migration can forget a wall."""

from __future__ import annotations

from kernel.db.uow import APP_ROLE, SYSTEM_ROLE

ROLES = f"""
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
    CREATE ROLE {APP_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
  END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{SYSTEM_ROLE}') THEN
    CREATE ROLE {SYSTEM_ROLE} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
  END IF;
  IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
    EXECUTE format('GRANT {APP_ROLE}, {SYSTEM_ROLE} TO %I', current_user);
  END IF;
END $$;
GRANT USAGE ON SCHEMA public TO {APP_ROLE}, {SYSTEM_ROLE};
"""

TENANT = "(SELECT current_setting('mailwright.tenant'))"
"""In a policy: the tenant of the scope. A sub-select, so that it is computed once a query."""


def walls(table: str, predicate: str = f"tenant_id = {TENANT}") -> str:
    """The statements that put row-level security around `table` and let both roles in."""
    return f"""
ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;
ALTER TABLE {table} FORCE ROW LEVEL SECURITY;
CREATE POLICY tenant ON {table} TO {APP_ROLE} USING ({predicate}) WITH CHECK ({predicate});
CREATE POLICY system ON {table} TO {SYSTEM_ROLE} USING (true) WITH CHECK (true);
GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {APP_ROLE}, {SYSTEM_ROLE};
"""


def tenant_table(table: str, columns: str, key: str) -> str:
    """CREATE TABLE for rows that belong to a tenant: `tenant_id` first in the primary key, and the
    walls around it. No foreign key: its check costs more than the row in a bulk insert, and the
    wall already lets a scope write no tenant_id but its own.

    Args:
        table: `<plugin>_<noun>`.
        columns: the other columns and constraints, as SQL.
        key: the primary key's columns after tenant_id, e.g. "id".
    """
    return f"""
CREATE TABLE {table} (
  tenant_id text NOT NULL,
  {columns},
  PRIMARY KEY (tenant_id, {key})
);
{walls(table)}
"""


def append_only(table: str) -> str:
    """After `walls`: what is written stays written. Both roles may add and read, nothing else."""
    return f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {APP_ROLE}, {SYSTEM_ROLE};"
