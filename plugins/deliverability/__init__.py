"""Whether mail of a shop can arrive: its records in the DNS, and how mailbox providers take it."""
