"""Availability zones: where a network or a router is to be.

The system is one zone, as every network and router is on each hypervisor that has ports of it.
"""

ZONE = "nova"
"""The name that clients have for a zone when nobody named one."""
