"""A mail to customers who are overdue by their own rhythm."""
