"""TCP (RFC 9293), as much of it as a server of small requests needs: DNS, metadata."""
