"""``/v2.0/qos``: policies and their rules."""
