"""Mails: MJML templates compiled and frozen, filled per recipient, shared per variant, and linted."""
