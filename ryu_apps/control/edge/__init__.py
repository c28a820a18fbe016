"""What the edge answers to ports: DHCP, router advertisements, names."""
