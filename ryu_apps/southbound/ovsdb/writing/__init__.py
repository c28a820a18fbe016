"""What a node writes into a hypervisor's database, when, and what keeps others from it."""
