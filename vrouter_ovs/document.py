"""Writes docs/pipeline.md from the declarations: ``python -m vrouter_ovs.document [--check]``.

With ``--check`` nothing is written and the exit status is 1 where the page is out of date.
"""

from __future__ import annotations

import argparse
import sys
from inspect import cleandoc
from pathlib import Path

from vrouter_ovs.pipeline import render
from vrouter_ovs.pipeline.security import peers, policy
from vrouter_ovs.schema.drops import DropReason
from vrouter_ovs.schema.registers import REGISTER_DOCS, REGISTERS, subfield
from vrouter_ovs.schema.tables import TABLES
from vrouter_ovs.state import (
    EGRESS,
    INGRESS,
    MDNS_ANSWER,
    MDNS_LOCAL,
    Arrived,
    BridgedHop,
    Classifier,
    Copy,
    DnsServer,
    Endpoint,
    Evi,
    ExternalNeighbor,
    FloatingErrors,
    FloatingIp,
    Flood,
    FloodRemotes,
    Gateway,
    GatewayPort,
    KnownSource,
    LearningPort,
    Limits,
    LocalHop,
    LocalMac,
    LocalPort,
    Membership,
    Metadata,
    Mirroring,
    MulticastGroup,
    NatRefusals,
    Neighbor,
    OtherGateway,
    OutsideHop,
    Page,
    PeerAddress,
    PhysicalNetwork,
    Policy,
    PortMirror,
    Punt,
    RemoteHop,
    RemoteMac,
    Route,
    Rule,
    Segment,
    ServiceInstance,
    Snooping,
    Steered,
    Steering,
    StormControl,
    TapPort,
    Trunks,
    Tunnel,
    Vrf,
    Vrouter,
)
from vrouter_ovs.state.meters import KILOBITS, PACKETS
from vrouter_ovs.state.segments import ARP, ASK_DHCP4, DHCP4, DHCP6
from vrouter_ovs.wire.describe import describe
from vrouter_ovs.wire.flows import encode

PAGE = Path(__file__).resolve().parent.parent / "docs" / "pipeline.md"
_MAC, _FAR, _GATEWAY = "52:54:00:00:00:05", "52:54:00:00:00:06", "02:00:00:00:00:fe"
_MORE, _OPEN = "52:54:00:00:00:07", "52:54:00:00:00:08"
_PLAIN = "52:54:00:00:00:0a"
_SHARED = "00:00:5e:00:01:0a"
_OUTSIDE = "02:00:00:00:00:0e"
_FAR_VTEP = Endpoint("192.0.2.2")
_OWN, _OTHER = "02:00:00:00:00:01", "02:00:00:00:00:02"
EXAMPLES = (
    Vrouter(_OWN),
    Tunnel(_FAR_VTEP, 7),
    Tunnel(Endpoint("192.0.2.3"), 8, (9,), spread=True),
    Tunnel(Endpoint("192.0.2.4"), 10, (11,)),
    Evi(100),
    Evi(101, mdns=MDNS_LOCAL),
    Evi(102, mdns=MDNS_ANSWER),
    Vrf(900, _OWN),
    Gateway(100, 900, _GATEWAY, ("10.0.0.1",)),
    LocalPort("p1", 5, 100, _MAC, ((_MAC, "10.0.0.5"),)),
    Punt("p1", 5, True),
    Limits("p1", 5, (KILOBITS, PACKETS), (KILOBITS,), 46),
    Arrived("p1", 5),
    Neighbor(100, "10.0.0.6", _FAR),
    DnsServer(100, "10.0.0.1"),
    Metadata(),
    PortMirror("p1", 5, (Copy(6),), (Copy(6), Copy(7, 1200))),
    Mirroring(),
    TapPort(1201, 6),
    RemoteMac(100, _FAR, (BridgedHop(_FAR_VTEP, 100),)),
    LocalMac(100, _SHARED, 7),
    Route(900, "10.0.0.5/32", (LocalHop(5, 100, _MAC, _GATEWAY),)),
    Route(900, "10.0.0.6/32", (RemoteHop(_FAR_VTEP, 900, _OTHER),)),
    Route(
        900,
        "10.9.0.0/16",
        (LocalHop(5, 100, _MAC, _GATEWAY), RemoteHop(_FAR_VTEP, 900, _OTHER)),
    ),
    Route(
        900,
        "0.0.0.0/0",
        (RemoteHop(_FAR_VTEP, 900, _OTHER), RemoteHop(Endpoint("192.0.2.3"), 900, _MORE)),
        watch=((7,), (8, 9)),
    ),
    RemoteMac(
        300, _OUTSIDE,
        (BridgedHop(_FAR_VTEP, 300), BridgedHop(Endpoint("192.0.2.3"), 300)), watch=((7,), (8, 9)),
    ),
    FloatingIp(
        300, "02:00:00:00:00:f1", "203.0.113.20", 900, "10.0.0.5", 5, _MAC, _GATEWAY,
        (("0.0.0.0/0", "203.0.113.1"), ("203.0.113.0/24", "")),
    ),
    FloatingErrors(),
    ExternalNeighbor(300, "203.0.113.1", _FAR, hop=BridgedHop(_FAR_VTEP, 300)),
    ExternalNeighbor(300, "203.0.113.2", _SHARED, 7),
    ExternalNeighbor(301, "198.51.100.1", _SHARED),
    GatewayPort(
        900, 300, _OUTSIDE, ("203.0.113.10",), _OWN, "203.0.113.10", 0x8001,
        after=(OtherGateway(BridgedHop(_FAR_VTEP, 300), (7,)),),
    ),
    NatRefusals(900),
    Route(900, "0.0.0.0/0", (OutsideHop(300, _FAR, _OUTSIDE, 5),)),
    GatewayPort(
        900, 300, _OUTSIDE, ("203.0.113.10", "2001:db8::10"), _OWN,
        before=(OtherGateway(BridgedHop(_FAR_VTEP, 300), (7,)),),
    ),
    Route(
        900,
        "0.0.0.0/0",
        (
            RemoteHop(_FAR_VTEP, 900, _OTHER),
            OutsideHop(300, _FAR, _OUTSIDE, endpoint=Endpoint("192.0.2.3"), label=300),
        ),
        watch=((7,), ()),
    ),
    Flood(100, (5, 6)),
    FloodRemotes(100, (BridgedHop(_FAR_VTEP, 100),)),
    StormControl(),
    Punt("p5", 5, storm=True),
    Snooping(100, (5,), flood_unregistered=False),
    MulticastGroup(100, "239.1.2.3", (6,)),
    MulticastGroup(100, "ff0e::1234", (5, 6)),
    LocalPort("p6", 6, 100, _FAR, ((_FAR, "10.0.0.6"), (_FAR, "fd00::6")), policy=0x2A),
    LocalPort(
        "p7", 7, 100, _MORE, ((_MORE, "10.0.0.7"), (_FAR, "10.8.0.0/16"), (_MORE, "fd08::/40"))
    ),
    LocalPort("p8", 8, 100, _OPEN, (), port_security=False),
    LocalPort(
        "p9", 9, 100, _FAR, ((_FAR, "10.0.0.8"), (_SHARED, "10.0.0.9")),
        shared=((_SHARED, "10.0.0.9"),),
    ),
    PhysicalNetwork("physnet1", 12),
    Segment(100, 12, 210, (DHCP4, DHCP6)),
    Segment(101, 12, transparent=True),
    Evi(104, transparent=True),
    LocalPort("p11", 11, 104, _PLAIN, ((_PLAIN, "10.0.0.11"),), transparent=True),
    LocalPort("p10", 10, 100, _PLAIN, ((_PLAIN, "10.0.0.10"),), outward=(ARP, ASK_DHCP4)),
    LearningPort("p8", 8, _OPEN),
    KnownSource("p8", 8, _FAR),
    Evi(103, flood_unknown=True, flood_macs=True),
    Trunks(),
    LocalPort(
        "p11", 0xC000, 100, _MORE, ((_MORE, "10.0.0.11"),), parent=5, vlan=101,
    ),
    Steering("p1", 5, (Steered(1 << 6, 2, Classifier(4, 6, "", "", -1, -1, 80, 80)),)),
    ServiceInstance(1 << 6, 0, _OPEN, 8),
    ServiceInstance(1 << 6, 1, _FAR, remote=BridgedHop(_FAR_VTEP, 100)),
    ServiceInstance(2 << 6, 0),
    Policy(0x2A),
    Membership(0x2A, INGRESS, (Page(0x7A),)),
    Rule(0x2A, INGRESS, 4, 6, 22, 25, group="web", page=0x7A, bit=9),
    Rule(0x2A, INGRESS, 4, 1, 8, 0, "192.0.2.0/24"),
    Rule(0x2A, EGRESS, 6),
    PeerAddress(0x7A, INGRESS, "10.0.0.5", (3, 9)),
    PeerAddress(0x7A, INGRESS, "192.0.2.0/24", (3, 40)),
    PeerAddress(0x7A, INGRESS, "::/0", (9,), mac=_FAR, evi=100),
    Membership(0x2A, EGRESS, (Page(0x7A), Page(0x7B, prefixes=True, macs=True))),
    Policy(0x2B, stateful=False),
    Rule(0x2B, EGRESS, 4, 17, 53, 53, stateful=False),
)


def page() -> str:
    """The whole page as Markdown."""
    lines = [
        "# The pipeline",
        "",
        "Generated from the declarations in `vrouter_ovs/` by `python -m vrouter_ovs.document`;",
        "do not edit. How to add a table: the head of `vrouter_ovs/schema/tables/__init__.py`.",
        "",
        "## Tables",
        "",
        "| id | table | does | next | miss |",
        "|---|---|---|---|---|",
    ]
    for table in TABLES:
        destinations = ", ".join((
                *table.next,
                *(("a port",) if table.outputs else ()),
                *(("the node",) if table.punts else ()),
            ))
        miss = table.miss if isinstance(table.miss, str) else f"drop: {_reason(table.miss)}"
        lines.append(f"| {table.id} | {table.name} | {table.doc} | {destinations} | {miss} |")
    lines += [
        "",
        "## Priorities",
        "",
        "From the highest down. A range orders its flows among themselves.",
    ]
    for table in TABLES:
        lines += ["", f"**{table.name}**", "", "| priority | name | flows | drops |"]
        lines.append("|---|---|---|---|")
        for one in table.priorities:
            number = f"{one.number}-{one.last}" if one.last else str(one.number)
            drop = _reason(one.drop) if one.drop else ""
            lines.append(f"| {number} | {one.name} | {one.doc} | {drop} |")
    lines += ["", "## Why a packet is dropped", ""]
    lines += ["| number | reason | in words |", "|---|---|---|"]
    for reason in DropReason:
        lines.append(f"| {reason.value} | {_reason(reason)} | {reason.sentence} |")
    lines += ["", "## What a table may match and set", ""]
    for table in TABLES:
        matches, sets = _names(table.matches), _names(table.sets)
        lines.append(f"- **{table.name}**: matches {matches}; sets {sets}")
    lines += ["", "## Registers", "", "| name | place | holds |", "|---|---|---|"]
    for name, doc in REGISTER_DOCS.items():
        lines.append(f"| {name} | {subfield(REGISTERS[name])} | {doc} |")
    lines += ["", "## Policy sets", "", cleandoc(policy.__doc__)]
    lines += ["", "## Groups that rules name", "", cleandoc(peers.__doc__)]
    lines += [
        "",
        "## Flows of each object",
        "",
        "Every flow comes from one object of `vrouter_ovs/state/`; its cookie says from which.",
    ]
    for example in EXAMPLES:
        lines += ["", f"`{example}`", "", "```"]
        for flow in render(example):
            said = describe(encode(flow))
            match = ", ".join(f"{name}={value}" for name, value in said["match"].items()) or "any"
            name = flow.priority if isinstance(flow.priority, str) else flow.priority[0]
            lines.append(f"{said['table']} {said['priority']} ({name}): {match}")
            lines.append(f"    {'; '.join(said['actions'])}")
        lines.append("```")
    return "\n".join(lines) + "\n"


def _reason(reason: DropReason) -> str:
    return reason.name.lower()


def _names(names: frozenset[str]) -> str:
    return ", ".join(sorted(names)) or "nothing"


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m vrouter_ovs.document", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether it is up to date")
    text = page()
    if parser.parse_args(arguments).check:
        if not PAGE.exists() or PAGE.read_text() != text:
            print(f"{PAGE} is out of date: run python -m vrouter_ovs.document", file=sys.stderr)
            return 1
        return 0
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
