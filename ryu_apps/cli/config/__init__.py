"""vnctl config: the configuration as a file, and whether a node follows it."""
