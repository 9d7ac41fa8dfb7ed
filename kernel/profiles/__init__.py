"""Customers, orders, products and traits."""
