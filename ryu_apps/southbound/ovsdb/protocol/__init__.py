"""OVSDB itself (RFC 7047): framing, JSON-RPC, the schema, a replica, transactions."""
