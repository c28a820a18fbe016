"""What a hypervisor's database says: its rows, and what is read off them."""
