"""Migrations; never edited once landed."""
