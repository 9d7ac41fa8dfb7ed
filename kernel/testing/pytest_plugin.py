"""Fixtures that pytest loads for Mailwright and for plugin authors."""
