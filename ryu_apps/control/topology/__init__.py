"""How the system hangs together: devices, links, and what runs over them.  Pure."""
