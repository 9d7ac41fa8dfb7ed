"""Plugins found, validated and called."""
