"""How likely each customer is not to order in the coming days, why, and what that is worth."""
