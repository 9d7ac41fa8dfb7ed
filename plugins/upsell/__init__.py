"""One product that goes with what a customer has just bought."""
