"""Other people's test suites against the API of a node, with a real Keystone."""
