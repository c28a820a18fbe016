"""What the edge answers on behalf of the network, per port: the contract of the proxies.

A vrouter punts DHCP, DHCPv6, router solicitations and DNS of its own VMs to the node that owns it;
:mod:`vrouter_ovs.proxies` turns such a frame and the port's :class:`EdgePort` into the frames of
the answer.  Nothing here does I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

Item = tuple[str, str]
"""(kind, value): something that a router advertisement says and hosts remember; the kinds are
those of :mod:`vrouter_ovs.proxies.ra`."""


class PuntReason(IntEnum):
    """Why a frame was punted: the register ``punt_reason``, which the packet-in carries.

    ASKED: a question that only its content tells apart (DHCP, DHCPv6, router solicitations).
    DNS, MDNS: a query, to the network's resolver, or to everyone on the link.  TOO_BIG: larger than
    the overlay carries.  TIME_EXCEEDED: its TTL is used up.  UNREACHABLE: no route.  SEEN: an ARP
    or neighbor advertisement from an address that more than one port may have; a copy.  TO_GATEWAY:
    for the gateway itself, and nothing that the switch answers.  ACTIVATION: the first frames of a
    guest that has come to a hypervisor where its port stood by.  METADATA: TCP to the service that
    knows what an instance is to be.  LISTENER: a report or a query of IGMP or MLD; a copy.
    TRANSLATED_ERROR: an ICMP error from or to a floating IP, whose addresses are translated and
    what it quotes is not.
    SOURCE: a frame from a MAC that is not known yet, of a port that may have any; a copy.
    """

    ASKED = 0
    DNS = 1
    MDNS = 2
    TOO_BIG = 3
    TIME_EXCEEDED = 4
    UNREACHABLE = 5
    SEEN = 6
    TO_GATEWAY = 7
    ACTIVATION = 8
    METADATA = 9
    LISTENER = 10
    TRANSLATED_ERROR = 11
    SOURCE = 16


@dataclass(frozen=True, slots=True)
class FloatingAddress:
    """``address``, a floating IP, stands for ``fixed``, an address of the port, in the VRF
    ``vrf``."""

    address: str
    fixed: str
    vrf: int


@dataclass(frozen=True, slots=True)
class Lease4:
    """An IPv4 address of a port, with what DHCP says of its subnet (RFC 2131, 2132).

    ``routes``: the subnet's host routes as (destination prefix, next hop).  ``gateway``: as the
    subnet has it, "" for none; it need not be in the subnet.  ``server``: the address that answers
    as DHCP server: the router's, or where there is none one that no port has.  ``dns``: the
    resolvers that the port is told of; where the subnet names none, the network's own at
    ``server``.  ``router_mac``: the MAC of the router's interface, "" where there is none.
    ``metadata``: whether the port is told of a way to the metadata service.
    """

    address: str
    prefix_length: int
    gateway: str
    server: str
    dns: tuple[str, ...] = ()
    routes: tuple[tuple[str, str], ...] = ()
    dhcp: bool = True
    router_mac: str = ""
    metadata: bool = False


@dataclass(frozen=True, slots=True)
class Lease6:
    """An IPv6 address of a port and its subnet's modes.

    ``ra_mode`` and ``address_mode``: Neutron's ipv6_ra_mode and ipv6_address_mode: "slaac",
    "dhcpv6-stateful", "dhcpv6-stateless" or "".  ``gateway``: as the subnet has it, "" where there
    is no router.  ``router_mac``, ``router``: the MAC of the router's interface in this subnet and
    its own address, "" where there is none.
    """

    address: str
    prefix: str
    gateway: str
    ra_mode: str = ""
    address_mode: str = ""
    dns: tuple[str, ...] = ()
    router_mac: str = ""
    router: str = ""


@dataclass(frozen=True, slots=True)
class EdgePort:
    """Everything the proxies need to know of one port.

    ``ofport``: its OpenFlow port.  ``gateway_mac``: the MAC of the first router interface of its
    subnets, or "" where none is routed.  What is about one subnet comes from the MAC of that
    subnet's router, where there is none from ``service_mac``.
    ``extra_options``: Neutron's extra_dhcp_opts as (ip version, option name or number, value).
    ``withdrawn``: what router advertisements have said to it that is no longer true.
    ``instance_id``, ``project_id``: who asks for metadata from it, the port's device and project;
    "" where nobody may, as there is no device, or no metadata service.
    ``floating``: its floating IPs.
    """

    port_id: str
    network_id: str
    ofport: int
    evi: int
    mac: str
    gateway_mac: str
    service_mac: str
    mtu: int
    host_name: str = ""
    domain: str = ""
    ntp: tuple[str, ...] = ()
    v4: tuple[Lease4, ...] = ()
    v6: tuple[Lease6, ...] = ()
    extra_options: tuple[tuple[int, str, str], ...] = ()
    lease_time: int = 86400
    withdrawn: tuple[Item, ...] = ()
    instance_id: str = ""
    project_id: str = ""
    floating: tuple[FloatingAddress, ...] = ()
