"""``/v2.0`` of ports, their bindings and trunks."""
