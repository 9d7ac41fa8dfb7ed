"""Asks Claude: for each customer or each kind of customer, and for the words of a campaign."""
