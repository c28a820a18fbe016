"""Elements of this node: how they are proposed to it, join, converge and go."""
