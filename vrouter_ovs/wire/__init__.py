"""Flows and messages as ovs-vswitchd has them on the wire (OpenFlow 1.4, Nicira extensions)."""
