"""vnctl plug and unplug: an interface for a port on this hypervisor, to try the network with."""
