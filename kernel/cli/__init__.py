"""The mailwright command."""
