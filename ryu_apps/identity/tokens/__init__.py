"""Tokens: what is in one, and the keys that seal it."""
