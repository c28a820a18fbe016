"""``vnctl identity``: users, projects and roles of a system that has its own."""
