"""What a customer buys again, what is new to them, and which products are bought together."""
