"""``/v2.0`` of security groups and of the groups of addresses that rules name."""
