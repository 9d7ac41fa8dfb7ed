"""Postgres: unit of work, roles, row-level security, migrations."""
