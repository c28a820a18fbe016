"""The configuration on this node: a copy of the store's, and the only way to change it."""
