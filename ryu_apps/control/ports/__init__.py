"""Ports: which claim binds one, and what a bound port needs."""
