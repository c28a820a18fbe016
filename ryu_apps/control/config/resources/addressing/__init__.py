"""Subnets, their pools, and the scopes of addresses."""
