"""vnctl: the command line of an operator, and of a hypervisor."""
