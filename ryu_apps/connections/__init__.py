"""Who may connect, how many, and how addresses and ports are written."""
