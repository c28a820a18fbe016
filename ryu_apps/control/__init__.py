"""The control core: events in, effects out.  No I/O, no threads, no clock."""
