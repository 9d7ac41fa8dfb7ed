"""The embedded admin and the reseller console; itself a plugin."""
