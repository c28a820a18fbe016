"""Mirrors: copies of what ports send and receive."""
