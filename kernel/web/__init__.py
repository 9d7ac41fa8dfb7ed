"""The web application and the mounting of plugin routes."""
