"""Resellers and tenants: context, guards, repository, configuration as code."""
