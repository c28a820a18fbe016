"""``/v2.0/sfc``: service function chaining."""
