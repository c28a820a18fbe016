"""The configuration: its resources, their indexes, how they are stored and what may change them."""
