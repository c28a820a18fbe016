"""Hops over plain VXLAN tunnels, as most tests need them."""

from __future__ import annotations

from collections.abc import Iterable

from vrouter_ovs.state import BridgedHop, Endpoint, RemoteHop


def bridged(vtep: str, label: int) -> BridgedHop:
    return BridgedHop(Endpoint(vtep), label)


def routed(vtep: str, label: int, router_mac: str) -> RemoteHop:
    return RemoteHop(Endpoint(vtep), label, router_mac)


def vteps(hops: Iterable[BridgedHop | RemoteHop]) -> list[str]:
    """Where hops lead, in their order."""
    return [hop.endpoint.vtep for hop in hops]
