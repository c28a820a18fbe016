"""What the node answers VMs, from packets that switches punt to it."""
