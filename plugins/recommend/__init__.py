"""A regular selection for active customers."""
