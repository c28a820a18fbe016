"""vnctl trace: a packet through every hypervisor on its way."""
