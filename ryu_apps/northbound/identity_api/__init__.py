"""``/v3``: the built-in identity service in the shapes of the Identity API (Keystone's reference,
https://docs.openstack.org/api-ref/identity/v3/), as far as clients of a network need it."""
