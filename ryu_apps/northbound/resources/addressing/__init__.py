"""``/v2.0`` of subnets, their pools, and the scopes of addresses."""
