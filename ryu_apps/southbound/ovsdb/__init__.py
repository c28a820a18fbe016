"""Hypervisors' databases: who is there, what is plugged in, and what is written (RFC 7047)."""
