"""Multicast of networks that snoop: who is a member of which group, and where routers are."""
