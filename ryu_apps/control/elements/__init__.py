"""Elements: the hypervisors, who may join, and what their databases say."""
