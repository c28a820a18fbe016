"""Where state objects become real."""

from __future__ import annotations

FLOWS, GROUP, METER, OVSDB = TARGETS = ("flows", "group", "meter", "ovsdb")
"""Flows, groups and meters of the bridge, and rows of the hypervisor's database."""
OPENFLOW = (FLOWS, GROUP, METER)
"""The targets behind the OpenFlow channel, which acknowledges for all of them."""
