"""An engine in a process of its own, seen from the node: the process, its socket, its messages."""
