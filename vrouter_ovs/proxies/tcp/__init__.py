"""TCP (RFC 9293), as much of it as a DNS server needs (RFC 7766)."""
