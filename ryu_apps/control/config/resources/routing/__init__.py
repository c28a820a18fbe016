"""Routers and floating IPs."""
