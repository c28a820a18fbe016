"""Why a packet ends in the pipeline: the one list for ``vnctl trace``, counters and analytics.

A table names the reason of its miss, and a priority that of the flows of it which drop
(:mod:`vrouter_ovs.schema.declaration`); a drop without one is refused.  The numbers stay
what they are: records name reasons by them.
"""

from __future__ import annotations

from enum import IntEnum


class DropReason(IntEnum):
    """``sentence``: what is told to people; it begins in lower case and has no full stop."""

    sentence: str

    def __new__(cls, number: int, sentence: str) -> DropReason:
        member = int.__new__(cls, number)
        member._value_ = number
        member.sentence = sentence
        return member

    NEVER_FORWARDED = 1, "frames like this one are never forwarded"
    UNKNOWN_PORT = 2, "this vrouter does not know the port, or the VNI of the tunnel"
    SPOOFED = 3, "anti-spoof: the port may not send from this MAC and address"
    SPOOFED_TARGET = 4, "anti-spoof: the port may not claim this address"
    FORBIDDEN = 5, (
        "no port may send this: it speaks as a router or as a DHCP server, comes from an address"
        " that nobody has, or cannot be read to its end"
    )
    ADDRESS_OWNED = 6, "the address that it announces is another's: a gateway, a service or a port"
    DETECTION = 7, "duplicate address detection: silence says that the address is free"
    NOT_ANSWERED = 8, "nobody is known to have the address that it asks for"
    ARP_ENDS = 9, "ARP goes on only as a reply to one receiver"
    MDNS_CONFINED = 10, "multicast DNS does not leave the hypervisor in this network"
    UNKNOWN_MAC = 11, "nobody in this EVI is known to have the destination MAC"
    NEVER_ROUTED = 12, "a router forwards nothing from or to such an address"
    TTL_USED_UP = 13, "its TTL is used up"
    NO_ROUTE = 14, "the VRF has no route to the destination"
    NO_HOLDER = 15, "its prefix is known, but nobody is known to have the address"
    NO_NEXT_HOP = 16, "the hop of the route is not installed"
    NO_FLOOD_LIST = 17, "the EVI has no flood list here"
    SPLIT_HORIZON = 18, "what came from a tunnel never enters one again"
    NOT_IP = 19, "only IP packets are routed"
    TOO_BIG = 20, "it is larger than the tunnels carry, and no IP packet whose sender is told"
    NO_TUNNEL = 21, "there is no tunnel to the VTEP"
    INVALID = 22, "connection tracking finds nothing valid in it"
    NOT_ALLOWED_OUT = 23, (
        "no rule of the sender's security groups allows it; vnctl explain says what is missing"
    )
    NOT_ALLOWED_IN = 24, (
        "no rule of the receiver's security groups allows it; vnctl explain says what is missing"
    )
    INCOMPLETE = 25, "it never became whole: the first fragment was not allowed, or did not come"
    NOT_PUNTED = 26, (
        "the node answers only what a port of its own sent, through a meter of the switch"
    )
    NO_SERVICE = 40, "it is for a service chain, and no instance of the service is there"
    STANDBY = 27, "the port is at another hypervisor, and has not come here yet"
    NOT_FLOATING = 32, "to the MAC of a floating IP, and not for its address"
    NO_NEIGHBOR = 33, "the MAC of the next hop on the external network is not known"
    NAT_OWN_ADDRESS = 36, (
        "it is from or to the router's own address on its external network, inside of the router"
    )
    NAT_NO_PORT = 37, (
        "no port is left of the router's address on its external network for a new connection"
    )
    NAT_UNKNOWN = 38, "nobody behind the router has a connection that it belongs to"
    NOT_THROUGH = 39, "it came from outside, and leads outside again"
    OTHER_VLAN = 40, "no network that is here has this VLAN of the physical network"
    NO_SEGMENT = 41, "the network has no physical segment here"
    SENDER = 60, "a bridged frame never goes back to the port that it came from"
    TAGGED = 42, "a frame of a VLAN is bridged in its network, and never routed"
