"""Asks subscribers who have long been silent whether they still want mail."""
