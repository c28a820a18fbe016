"""Addresses that several ports may use: who has one now, how that is learned and moves."""
