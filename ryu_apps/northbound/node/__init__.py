"""``/v1``: the running node and its system; other nodes are asked for what is theirs."""
