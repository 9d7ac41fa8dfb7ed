"""Discounts: what may be offered, to whom, and how much of it in all."""
