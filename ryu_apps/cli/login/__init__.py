"""Who somebody is at a node that asks, as the ``openstack`` command has it."""
