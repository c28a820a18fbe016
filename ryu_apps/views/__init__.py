"""What REST sees of the running node, read from its World on the controller thread."""
