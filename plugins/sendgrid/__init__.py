"""Hands messages to SendGrid and hears from it what came of them."""
