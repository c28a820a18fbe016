"""What service chains are made of: services, what is steered into them, and what is ambiguous."""
