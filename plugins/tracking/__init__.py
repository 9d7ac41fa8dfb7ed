"""Links that are counted, scanners told apart, orders after clicks."""
