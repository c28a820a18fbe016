"""Security groups, and the groups of addresses that rules name."""
