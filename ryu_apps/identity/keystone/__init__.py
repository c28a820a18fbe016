"""``[api] auth = keystone``: clients are known by tokens of a Keystone.  Imported only then."""
