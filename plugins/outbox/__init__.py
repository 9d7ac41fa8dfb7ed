"""A channel that keeps every message in the database instead of sending it."""
