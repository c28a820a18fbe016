"""Whole state objects to bytes, fast: the bytes of a sample with what differs filled in."""
