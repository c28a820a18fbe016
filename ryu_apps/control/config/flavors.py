"""Flavors of routers: there is one, that of all routers."""

DISTRIBUTED = "9889e2ea-0865-5c23-9c2d-6d784370dd4f"
"""Its id."""
