"""``/v2.0/taas``: copies of what ports send and receive."""
