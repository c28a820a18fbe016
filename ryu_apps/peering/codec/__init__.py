"""BGP messages to bytes and back: no sessions, no sockets, no clock."""
