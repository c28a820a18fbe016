"""HTTP as the handlers see it: routes, calls and replies, errors, JSON bodies."""
