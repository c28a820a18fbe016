"""Security groups, their rules, and the groups of addresses that rules name."""
