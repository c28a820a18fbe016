"""Subnets, the pools that they are taken from, and the scopes that those are unique in."""
