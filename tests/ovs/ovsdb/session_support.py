"""What a node knows of a hypervisor, put together from its events, for the tests of sessions."""

from __future__ import annotations

from lab.beds.ovsdb_bed import until
from ryu_apps.control.messages import InterfacesChanged, TunnelsChanged
from vrouter_ovs.state import Endpoint


def settled(node, element):
    """Everything is written: accepted, no error, datapath id known, and nothing more to do."""
    def check():
        row = node.state(element)
        return row.get("state") == "accepted" and row["datapath_id"] and not row["problem"]
    return until(check, f"{element} settled: {node.state(element)}")


def claims(node, element):
    """Interface name -> claim, put together from the events of the current session."""
    connected = node._current(element)
    if connected is None:
        return {}
    shown = {claim.name: claim for claim in connected.interfaces}
    for event in node.of(InterfacesChanged):
        if event.session == connected.session:
            for name, claim in event.changes:
                shown.pop(name, None) if claim is None else shown.update({name: claim})
    return shown


def numbered(node, element, name):
    """Wait until the claim ``name`` has its OpenFlow port number."""
    def check():
        claim = claims(node, element).get(name)
        return claim is not None and claim.ofport > 0
    until(check, f"{name} with a port number")


def endpoints(*vteps):
    return frozenset(map(Endpoint, vteps))


def tunnels(node, element):
    connected = node._current(element)
    if connected is None:
        return {}
    shown = {status.endpoint.vtep: status for status in connected.tunnels}
    for event in node.of(TunnelsChanged):
        if event.session == connected.session:
            for endpoint, status in event.changes:
                if status is None:
                    shown.pop(endpoint.vtep, None)
                else:
                    shown[endpoint.vtep] = status
    return shown


def up(node, element, *vteps):
    def check():
        shown = tunnels(node, element)
        return set(shown) == set(vteps) and all(item.ofport > 0 for item in shown.values())
    until(check, f"tunnels {vteps} of {element}")
