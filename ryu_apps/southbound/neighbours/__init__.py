"""Who is at the other end of hypervisors' uplinks: LLDP, sent and heard through OVS itself."""
