"""The declared pipeline: what each table may match, set, and where it may send a packet.

How to add a table:

1. Add a :class:`Table` to ``TABLES`` at its place.  Its id is that place; nothing else names a
   number, and Open vSwitch gets the name for ``ovs-ofctl --names dump-flows``.
2. Write it into the ``next`` of the tables that send packets to it.  A table sends to later tables
   only, which is what OpenFlow's goto allows and what makes a loop impossible.
3. Render its flows in a file of ``vrouter_ovs/pipeline/``, from the object they belong to, and list
   that function in ``vrouter_ovs/pipeline/__init__.py``.  A flow which belongs to no single object
   belongs to the Vrouter.
4. A new register goes into :mod:`vrouter_ovs.registers`, a new packet field into
   :mod:`vrouter_ovs.fields`; a new action needs its bytes in ``wire.py``, its words in
   ``describe.py``.
5. ``python -m vrouter_ovs.document`` writes docs/pipeline.md anew.

A flow that matches, sets or reaches what its table did not declare is refused with PipelineError;
:func:`check` looks at each *shape* of flow once.  A miss with no table named drops.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from vrouter_ovs.errors import PipelineError
from vrouter_ovs.flow import Flow


@dataclass(frozen=True, slots=True)
class Table:
    """``next``: tables reached by goto or resubmit (its own name: resubmit of a part of it).
    ``outputs``: whether packets may leave the switch here.  ``punts``: whether they may go to the
    node.  ``miss``: "drop" or a table."""

    name: str
    doc: str
    matches: frozenset[str]
    sets: frozenset[str] = frozenset()
    next: tuple[str, ...] = ()
    outputs: bool = False
    miss: str = "drop"
    punts: bool = False


def _fields(text: str) -> frozenset[str]:
    return frozenset(text.split())


TABLES: tuple[Table, ...] = (
    Table(
        "classify",
        "Where a frame belongs: a port's frame is in that port's EVI; a tunnel's VNI names an EVI,"
        " or with this vrouter's Router's MAC a VRF. Malformed and link-local frames end here.",
        _fields("in_port tun_id eth_src eth_dst vlan_vid"),
        _fields("evi vrf from_tunnel policy"),
        ("guard", "bridge", "route"),
    ),
    Table(
        "guard",
        "Anti-spoof: a port sends from its own MAC and addresses only, in Ethernet, IP, ARP and"
        " neighbor discovery. What is not allowed here is dropped. What the node answers (DHCP,"
        " DHCPv6, router solicitations) is recognised before that: it never leaves the hypervisor."
        " Nobody is a router or a DHCP server, also not behind IPv6 extension headers or in"
        " fragments; what the switch cannot read to its end is dropped.",
        _fields(
            "in_port eth_src eth_type ipv4_src ipv6_src ip_frag ip_proto udp_src udp_dst arp_spa"
            " arp_sha icmpv6_type nd_target nd_sll nd_tll"
        ),
        frozenset(),
        ("proxy", "punt"),
    ),
    Table(
        "proxy",
        "ARP requests and neighbor solicitations are answered in the switch for gateways and known"
        " neighbors. What asks for an address that is not known here, and duplicate address"
        " detection, is flooded only where the network says so.",
        _fields(
            "evi eth_dst eth_type arp_op arp_tpa ipv6_src ip_ttl ip_proto icmpv6_type icmpv6_code"
            " nd_target"
        ),
        _fields(
            "eth_src eth_dst arp_op arp_sha arp_tha arp_spa arp_tpa ipv6_src ipv6_dst icmpv6_type"
            " nd_reserved router_mac"
        ),
        ("advertise", "track", "bridge"),
        outputs=True,
        miss="track",
    ),
    Table(
        "advertise",
        "The last step of a neighbor advertisement: what only an advertisement has can be set only"
        " where a flow matches one.",
        _fields("eth_type ip_proto icmpv6_type"),
        _fields("nd_options_type nd_tll"),
        outputs=True,
    ),
    Table(
        "track",
        "IP packets of a port with a stateful policy set are looked up in the port's zone of"
        " connections. Neighbor and multicast listener discovery are not subject to policy.",
        _fields("policy eth_type ip_proto ip_ttl icmpv6_type"),
        frozenset(),
        ("policy_out", "bridge"),
        miss="bridge",
    ),
    Table(
        "policy_out",
        "The sender's rules are asked: for egress, or for ingress where the packet is a reply. A"
        " connection is judged by its first direction whichever way the packet goes, so it ends in"
        " both with the rule that allowed it.",
        _fields("eth_type ip_frag ct_state"),
        _fields("permit inbound"),
        ("permit_out", "whole_out", "peer"),
        miss="permit_out",
    ),
    Table(
        "permit_out",
        "What the sender's rules allow goes on, a new connection is entered into the zone; the rest"
        " is dropped.",
        _fields("permit eth_type ip_frag ct_state"),
        frozenset(),
        ("whole_out", "bridge"),
    ),
    Table(
        "whole_out",
        "Fragments of a packet that was allowed, after their second reassembly. What never became"
        " whole, as its first fragment was not allowed, is dropped.",
        _fields("ct_state"),
        frozenset(),
        ("bridge",),
        miss="bridge",
    ),
    Table(
        "bridge",
        "The MAC lookup of the EVI: a local port, a remote VTEP, the gateway (then the packet is"
        " routed), or the flood list for broadcast and multicast. Unknown unicast is dropped.",
        _fields("evi eth_dst"),
        _fields("vrf out_port tun_id vtep"),
        ("route", "flood", "encap", "deliver"),
    ),
    Table(
        "route",
        "Longest prefix match in the VRF; the gateway's own addresses (echo reply) before it.",
        _fields(
            "vrf evi from_tunnel eth_type ipv4_dst ipv6_src ipv6_dst ip_proto ip_ttl icmpv4_type"
            " icmpv4_code icmpv6_type icmpv6_code"
        ),
        _fields(
            "eth_src eth_dst ipv4_src ipv4_dst ipv6_src ipv6_dst icmpv4_type icmpv6_type ip_ttl"
            " tun_id vtep out_port bucket"
        ),
        ("nexthop", "encap", "deliver"),
        outputs=True,
    ),
    Table(
        "nexthop",
        "The hops of an ECMP route, one flow each: the route has put the bucket of the packet's"
        " flow into a register.",
        _fields("vrf bucket eth_type ipv4_dst ipv6_dst"),
        _fields("eth_src eth_dst ip_ttl tun_id vtep out_port"),
        ("encap", "deliver"),
    ),
    Table(
        "flood",
        "Replication to the local ports and, where the frame came from a local port, to each remote"
        " VTEP (ingress replication with split horizon).",
        _fields("evi from_tunnel bucket"),
        _fields("tun_id vtep bucket out_port"),
        ("flood", "encap", "deliver"),
    ),
    Table(
        "encap",
        "The tunnel to the VTEP. What came from a tunnel never enters one again.",
        _fields("vtep from_tunnel"),
        frozenset(),
        outputs=True,
    ),
    Table(
        "deliver",
        "A frame is about to reach a local port: which policy set has it? None: it leaves.",
        _fields("out_port"),
        _fields("policy"),
        ("receive", "output"),
        miss="output",
    ),
    Table(
        "receive",
        "IP packets to a port with a stateful policy set are looked up in the port's zone of"
        " connections. Neighbor and multicast listener discovery are not subject to policy.",
        _fields("policy eth_type ip_proto ip_ttl icmpv6_type"),
        frozenset(),
        ("policy_in", "output"),
        miss="output",
    ),
    Table(
        "policy_in",
        "The receiver's rules are asked: for ingress, or for egress where the packet is a reply.",
        _fields("eth_type ip_frag ct_state"),
        _fields("permit inbound"),
        ("permit_in", "whole_in", "peer"),
        miss="permit_in",
    ),
    Table(
        "permit_in",
        "What the receiver's rules allow goes out, a new connection is entered into the zone; the"
        " rest is dropped.",
        _fields("permit eth_type ip_frag ct_state"),
        frozenset(),
        ("whole_in", "output"),
    ),
    Table(
        "whole_in",
        "Fragments of a packet that was allowed, as in whole_out.",
        _fields("ct_state"),
        frozenset(),
        ("output",),
        miss="output",
    ),
    Table(
        "output",
        "Delivery to a local port, never back to the port the frame came from.",
        frozenset(),
        frozenset(),
        outputs=True,
    ),
    Table(
        "punt",
        "To the node that owns this vrouter, through the port's meter: what a port asks of the"
        " network itself, and what a router has to answer with an error. The register why says"
        " which. While the node is away the packets end here too.",
        _fields("in_port"),
        punts=True,
    ),
    Table(
        "peer",
        "The policy set of the other side, by the address it has in the connection.",
        _fields(
            "policy eth_type ipv4_src ipv4_dst ipv6_src ipv6_dst ct_state ct_nw_src ct_nw_dst"
            " ct_ipv6_src ct_ipv6_dst"
        ),
        _fields("peer"),
        ("policy",),
        miss="policy",
    ),
    Table(
        "policy",
        "The rules of all policy sets, shared by the ports that have the set and by both sides of a"
        " packet's way. A rule says yes; the last flow of a set counts what none allowed.",
        _fields(
            "policy peer eth_type ipv4_src ipv4_dst ipv6_src ipv6_dst ip_frag ip_proto tcp_dst"
            " udp_dst sctp_dst icmpv4_type icmpv4_code icmpv6_type icmpv6_code ct_state ct_nw_src"
            " ct_nw_dst ct_ipv6_src ct_ipv6_dst ct_nw_proto ct_tp_src ct_tp_dst"
        ),
        _fields("permit"),
    ),
)

BY_NAME: dict[str, Table] = {table.name: table for table in TABLES}
TABLE_IDS: dict[str, int] = {table.name: number for number, table in enumerate(TABLES)}
TABLE_NAMES: dict[int, str] = {number: table.name for number, table in enumerate(TABLES)}


def check(flow: Flow) -> None:
    """Refuse a flow that breaks its table's declaration.  Raises PipelineError."""
    for place, action in enumerate(flow.actions):
        if action[0] == "goto" and place + 1 < len(flow.actions):
            raise PipelineError(f"table {flow.table}: an action follows goto {action[1]}")
        if action[0] == "meter" and place:
            raise PipelineError(f"table {flow.table}: meter {action[1]} is not the first action")
    _check_shape(
        flow.table,
        tuple(term[0] for term in flow.match),
        tuple(dict.fromkeys(map(_action_shape, flow.actions))),
    )


def _action_shape(action: tuple) -> tuple:
    """The action without its values."""
    kind = action[0]
    if kind in ("output", "meter"):
        return (kind,)
    if kind == "multipath":
        return (kind, action[2])
    if kind in ("ct", "ct_commit"):
        return (kind, *action[2:])
    if kind in ("set_field", "load"):
        return action[:2]
    return action


@lru_cache(maxsize=4096)
def _check_shape(name: str, matches: tuple[str, ...], actions: tuple[tuple, ...]) -> None:
    table = BY_NAME.get(name)
    if table is None:
        raise PipelineError(f"no table is named {name!r}")

    def refuse(what: str) -> None:
        raise PipelineError(f"table {name} does not declare {what}")

    for field in matches:
        if field not in table.matches:
            refuse(f"a match on {field}")
    if len(set(matches)) != len(matches):
        raise PipelineError(f"table {name}: a field is matched twice in {matches}")
    for kind, *args in actions:
        if kind in ("set_field", "load", "pop", "multipath"):
            if args[0] not in table.sets:
                refuse(f"setting {args[0]}")
        elif kind == "move":
            if args[1] not in table.sets:
                refuse(f"setting {args[1]}")
        elif kind == "dec_ttl":
            if "ip_ttl" not in table.sets:
                refuse("setting ip_ttl")
        elif kind == "ct_commit" and not args:
            continue
        elif kind in ("goto", "resubmit", "ct", "ct_commit"):
            if args[0] not in table.next:
                refuse(f"{kind} {args[0]}")
        elif kind in ("output", "output_reg"):
            if not table.outputs:
                refuse("output")
        elif kind in ("meter", "controller"):
            if not table.punts:
                refuse(kind)
        elif kind != "push":
            raise PipelineError(f"table {name}: unknown action {kind!r}")


def _check_order() -> None:
    for number, table in enumerate(TABLES):
        for target in (*table.next, table.miss):
            if target != "drop" and TABLE_IDS[target] < number:
                raise PipelineError(f"table {table.name} leads back to {target}")


_check_order()
