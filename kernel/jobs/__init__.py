"""Background work behind one port, with scope and re-check around every job."""
