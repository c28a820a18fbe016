"""The engine of our own, in its own process: sessions, Adj-RIB-Out, what comes from peers."""
