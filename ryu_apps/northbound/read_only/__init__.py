"""Collections of the API that tell what there is, and are changed by nobody."""
