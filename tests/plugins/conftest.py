"""A browser that is signed in, for the pages of plugins."""

from tests.admin_ui.conftest import client

__all__ = ["client"]
