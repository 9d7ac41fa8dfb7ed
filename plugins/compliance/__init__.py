"""Consent, suppression, footer and one-click unsubscribe: what the law asks of every mail."""
