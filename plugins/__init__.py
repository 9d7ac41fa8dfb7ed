"""Mailwright's own plugins, one package each, loaded by entry point like anyone's."""
