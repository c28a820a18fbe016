"""What a request may do to ports, their bindings and what else they carry."""
