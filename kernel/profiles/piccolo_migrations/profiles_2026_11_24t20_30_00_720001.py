"""Whose secret wraps a person's key stands beside the key's own name: a new secret wraps it anew."""

from kernel.db.migrate import sql_migration

ID = "2026-11-24T20:30:00:720001"
DESCRIPTION = "person keys can be wrapped anew"

SQL = """
ALTER TABLE profiles_person_key ADD COLUMN wrapped_by bytea;
ALTER TABLE profiles_person_key NO FORCE ROW LEVEL SECURITY;
UPDATE profiles_person_key SET wrapped_by = key_id;
ALTER TABLE profiles_person_key FORCE ROW LEVEL SECURITY;
ALTER TABLE profiles_person_key ALTER COLUMN wrapped_by SET NOT NULL;
"""

forwards = sql_migration(ID, "profiles", DESCRIPTION, SQL)
