"""A pretend world for trying the engine: a shop, its customers, and a clock that turns."""
