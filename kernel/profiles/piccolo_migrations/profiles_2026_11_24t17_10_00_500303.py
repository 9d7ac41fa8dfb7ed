"""The consent ledger: a chain of entries that nobody may change, its head, its anchors, and the keys
that the evidence of each person is encrypted with.
"""

from kernel.db.ddl import APP_ROLE, SYSTEM_ROLE, append_only, tenant_table, walls
from kernel.db.migrate import sql_migration

ID = "2026-11-24T17:10:00:500303"
DESCRIPTION = "consent ledger"

CHAINED = ("profiles_consent", "profiles_consent_anchor")

SQL = f"""
{tenant_table("profiles_consent", '''
  seq bigint NOT NULL CHECK (seq > 0),
  subject uuid NOT NULL,
  kind text NOT NULL,
  purpose text NOT NULL,
  basis text NOT NULL,
  wording text NOT NULL,
  source text NOT NULL,
  occurred_at timestamptz NOT NULL,
  recorded_at timestamptz NOT NULL,
  evidence bytea NOT NULL,
  evidence_hash bytea NOT NULL,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL,
  mac bytea NOT NULL''', "seq")}
CREATE INDEX profiles_consent_subject ON profiles_consent (tenant_id, subject, seq);
CREATE TABLE profiles_consent_head (
  tenant_id text PRIMARY KEY,
  seq bigint NOT NULL,
  hash bytea NOT NULL
);
{walls("profiles_consent_head")}
REVOKE DELETE ON profiles_consent_head FROM {APP_ROLE}, {SYSTEM_ROLE};
{tenant_table("profiles_consent_anchor", '''
  seq bigint NOT NULL,
  hash bytea NOT NULL,
  at timestamptz NOT NULL,
  public_key bytea NOT NULL,
  signature bytea NOT NULL''', "seq")}
{tenant_table("profiles_person_key", '''
  subject uuid NOT NULL,
  key_id bytea NOT NULL,
  customer_id bigint NOT NULL,
  wrapped bytea NOT NULL''', "subject, key_id")}
CREATE UNIQUE INDEX profiles_person_key_customer
  ON profiles_person_key (tenant_id, customer_id, key_id);
CREATE FUNCTION profiles_consent_stands() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the consent ledger is append-only: % is refused', TG_OP;
END $$;
{"".join(append_only(table) for table in CHAINED)}
{"".join(f'''
CREATE TRIGGER stands BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}
  FOR EACH STATEMENT EXECUTE FUNCTION profiles_consent_stands();
''' for table in CHAINED)}
"""

forwards = sql_migration(ID, "profiles", DESCRIPTION, SQL)
