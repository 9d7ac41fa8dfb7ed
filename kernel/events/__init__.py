"""What happened: the durable lane and the fast lane."""
