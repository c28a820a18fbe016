"""Beds smaller than a lab: one real program, and our side of it in this process."""
