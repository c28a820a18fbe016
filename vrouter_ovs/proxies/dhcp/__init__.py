"""DHCPv4 (RFC 2131) and DHCPv6 (RFC 8415), answered without a lease database."""
