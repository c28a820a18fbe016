"""Hypervisors without Open vSwitch: the database and the switch of hundreds, in one process.

They speak what a node speaks with a hypervisor, OVSDB (RFC 7047) and OpenFlow 1.4, and keep what
they are told; no packet passes through them.  For what a node costs with many hypervisors: a
machine that runs a benchmark has no room for as many Open vSwitches.
"""
