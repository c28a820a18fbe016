"""The register map: what each Open vSwitch register means, and nothing is typed twice.

To add a register, add a line; a slice of one is (register, first bit, number of bits).  All start
at zero for every packet, also for one that came out of a tunnel.
"""

from __future__ import annotations

from vrouter_ovs.schema.fields import METADATA_ORDER, NXM_1, OPENFLOW_BASIC, REGISTER_ORDER, Field

XXREG0 = 111
"""The number of the first 128-bit register, which is four of 32 bits (ovs-fields(7))."""
INBOUND = 1 << 31
"""The top bit of the register ``policy``: ``policy | INBOUND`` names the ingress rules of a set."""


def _register(
    name: str, index: int, offset: int = 0, bits: int = 0, kind: str = "int"
) -> Field:
    return Field(name, NXM_1, index, 4, REGISTER_ORDER + index, kind, offset, bits)


_MAP = (
    (_register("evi", 0), "the EVI (L2 VNI) the frame is in"),
    (_register("vrf", 1), "the VRF (L3 VNI) the packet is routed in; 0 before it is routed"),
    (_register("from_tunnel", 2, 0, 1), "1: came from a tunnel, so it must not enter one again"),
    (
        _register("from_segment", 2, 1, 1),
        "1: came from the physical segment of its network: it reaches local ports alone",
    ),
    (
        _register("unsecured", 2, 2, 1),
        "1: the port has no port security, it may send what it likes",
    ),
    (_register("too_big", 2, 3, 1), "1: larger than the tunnels carry"),
    (_register("mirrored_out", 2, 6, 1), "1: what its port sends has been copied to its mirrors"),
    (_register("mirrored_in", 2, 7, 1), "1: what reaches a port is mirrored"),
    (
        _register("tunnel_type", 2, 8, 8),
        "the encapsulation to send with: 0 for VXLAN, else its tunnel type (RFC 9012); set where"
        " there is more than VXLAN; in classify, MPLS over GRE: that it came in this",
    ),
    (
        _register("seen_flags", 2, 16, 12),
        "the flags of a TCP segment that reaches a port which has just come",
    ),
    (
        _register("apart", 2, 30, 1),
        "what the switch sets where it takes a copy on a way of its own; nobody reads it",
    ),
    (
        _register("translated", 2, 28, 1),
        "1: its destination was a floating IP, or the node has put it back: addresses are"
        " translated, also those that an ICMP error quotes",
    ),
    (
        _register("from_outside", 2, 29, 1),
        "1: came from an external network by a gateway port of the VRF: it does not go out again",
    ),
    (
        _register("vtep", 3),
        "the remote VTEP to send to, its IPv4 address; all ones: an IPv6 one, in tun_ipv6_dst",
    ),
    (
        _register("out_port", 4),
        "the OpenFlow port of this bridge to deliver to; on the way in, the port the frame is from;"
        " on the way to a VTEP with several underlay paths the tunnel port, 65535 where none is"
        " live",
    ),
    (_register("bucket", 5), "the ECMP bucket, or which flood list, and which part of a long one"),
    (
        _register("instance", 5, 0, 10),
        "on the way to a service of a chain, whose number is above it: which instance of it",
    ),
    (
        _register("policy", 6),
        "the policy set whose rules are asked, of the sender or of the receiver, and in the top bit"
        " the direction of the rules",
    ),
    (
        _register("inbound", 6, 31, 1),
        "1: the rules for what reaches the port (ingress); 0: for what it sends (egress)",
    ),
    (
        _register("page", 7),
        "the page of groups that the other side is looked up in; in the low bits 2 for the rules"
        " of ingress and 1 for sets without tracking; 0 where no group is asked for",
    ),
    (_register("permit", 8), "1: a rule of the policy set allows the packet's connection"),
    (
        _register("notify", 2, 4, 2),
        "1: what is announced is told to the node; 2: and it goes to all, as it asks nothing",
    ),
    (
        _register("owner", 10),
        "whose the address is that was looked up, 0 where it is not known; in bits: 1 there is an"
        " answer, 2 no allowed address pair takes it, 4 nobody announces it, 8 it is a router's",
    ),
    (_register("holder", 11), "the OpenFlow port of this bridge that has it, or 0"),
    (_register("punt_reason", 9), "why a packet is punted, for the node; see vrouter_ovs/edge.py"),
    (
        _register("claimed_ip0", 12),
        "the address that a frame claims in ARP or neighbor discovery, from the proxy on the one"
        " that it asks for; of an IPv6 address the first 32 bits",
    ),
    (_register("claimed_ip1", 13), "the next 32 bits"),
    (_register("claimed_ip2", 14), "the next 32 bits"),
    (
        _register("claimed_ip3", 15, kind="ipv4"),
        "the last 32 bits, or all of an IPv4 address",
    ),
    (
        Field("claimed_ip", NXM_1, XXREG0 + 3, 16, REGISTER_ORDER + 12, "ipv6"),
        "the same in one piece; a flow matches its parts",
    ),
    *(
        (
            _register(f"member_of{number}", 12 + number),
            "in the place of the claimed address, while rules are asked:"
            f" bits {96 - 32 * number} to {127 - 32 * number} of member_of",
        )
        for number in range(4)
    ),
    (
        Field("member_of", NXM_1, XXREG0 + 3, 16, REGISTER_ORDER + 12),
        "the groups of the page that the other side is a member of, a bit each; a flow matches its"
        " parts",
    ),
    (
        Field("claimed_mac", OPENFLOW_BASIC, 2, 8, METADATA_ORDER, "int", 16, 48),
        "the MAC that goes with it, of an address that was looked up the one that it is at, in the"
        " OpenFlow metadata field",
    ),
    (
        Field("router_mac", OPENFLOW_BASIC, 2, 8, METADATA_ORDER, "int", 0, 48),
        "the Router's MAC of this vrouter, in the OpenFlow metadata field from track on; of a"
        " routed packet that is measured, the sender's MAC",
    ),
)

REGISTERS: dict[str, Field] = {field.name: field for field, _ in _MAP}
REGISTER_DOCS: dict[str, str] = {field.name: doc for field, doc in _MAP}


def subfield(field: Field) -> str:
    """Where a register lives, as OVS writes subfields: "reg2[0..0]" or "metadata[0..47]"."""
    if field.oxm_class == OPENFLOW_BASIC:
        base = "metadata"
    else:
        base = f"reg{field.number}" if field.number < XXREG0 else f"xxreg{field.number - XXREG0}"
    if field.whole:
        return base
    return f"{base}[{field.offset}..{field.offset + field.nbits - 1}]"
