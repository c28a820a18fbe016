"""What VMs of a lab send and what is caught of it: clients, loads, frames by hand, captures."""
