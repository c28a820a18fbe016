"""The bodies of requests: types of their fields, and reading them."""
