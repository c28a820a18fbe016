"""Security groups: rules, and the sets of groups that ports carry."""
