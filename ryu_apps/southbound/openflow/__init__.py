"""Switches: what they should hold, what they do hold, and the channel between."""
