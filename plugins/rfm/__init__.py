"""Segments of customers by recency, frequency and money, under names that survive."""
