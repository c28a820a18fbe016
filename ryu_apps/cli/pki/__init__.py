"""vnctl pki: a site's certificates."""
