"""HTTP between clients and the API: one thread reads and writes all connections and waits for
nobody; workers see whole requests only and hand back whole answers."""
