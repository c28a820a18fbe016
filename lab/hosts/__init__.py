"""What stands in a lab: hypervisors, VMs, VNC nodes, and the programs beside them."""
