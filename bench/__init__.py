"""Performance numbers, each with its method and a baseline from the same run."""
