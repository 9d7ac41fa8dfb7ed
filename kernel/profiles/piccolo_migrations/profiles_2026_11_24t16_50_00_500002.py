"""Consent to be tracked, apart from consent to mails; and which words were agreed to."""

from kernel.db.migrate import sql_migration

ID = "2026-11-24T16:50:00:500002"
DESCRIPTION = "tracking consent, consent wording"

SQL = """
ALTER TABLE profiles_customer
  ADD COLUMN consent_wording text NOT NULL DEFAULT '',
  ADD COLUMN tracking_consent text NOT NULL DEFAULT 'unknown'
    CHECK (tracking_consent IN ('unknown', 'granted', 'denied')),
  ADD COLUMN tracking_at timestamptz,
  ADD COLUMN tracking_source text NOT NULL DEFAULT '';
"""

forwards = sql_migration(ID, "profiles", DESCRIPTION, SQL)
