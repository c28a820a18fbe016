"""``/v2.0`` of routers and floating IPs."""
