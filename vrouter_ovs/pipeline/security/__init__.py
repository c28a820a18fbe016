"""Security groups: policy sets, their rules, and who is a member of the groups that these name."""
