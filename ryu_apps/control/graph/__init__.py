"""What the core computes in which order, and the worklists that hold what is left to do."""
