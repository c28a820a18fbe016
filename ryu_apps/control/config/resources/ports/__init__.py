"""Ports and trunks."""
