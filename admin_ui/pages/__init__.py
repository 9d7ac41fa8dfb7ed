"""One file a page: it reads what a request says, asks a service, and picks a template."""
