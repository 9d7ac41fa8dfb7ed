"""HTTP: the application, who is signed in, the walls around plugin routes, errors and headers."""
