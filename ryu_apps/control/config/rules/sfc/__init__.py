"""Rules for service function chaining: what networking-sfc refuses, and what cannot be told apart
without a tag on the packet."""
