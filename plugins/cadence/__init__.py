"""Not too often, and not at night."""
