"""Which node a switch heeds: who is master, who stands by and follows, who takes over."""
