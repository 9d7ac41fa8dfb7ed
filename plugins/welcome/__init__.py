"""A first mail to new customers."""
