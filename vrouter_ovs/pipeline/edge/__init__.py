"""What the edge answers, in the switch or by the node: ARP, discovery, pings, DNS, metadata."""
