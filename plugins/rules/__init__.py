"""Decides by rules a merchant can read and change."""
