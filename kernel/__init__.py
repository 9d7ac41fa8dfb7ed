"""The Mailwright kernel: it imports nothing of plugins or the admin; they arrive by entry point."""
