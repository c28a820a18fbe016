"""DNS (RFC 1035) and mDNS (RFC 6762): messages, what a network answers, what is relayed."""
