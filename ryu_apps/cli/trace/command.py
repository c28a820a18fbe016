"""vnctl trace: a packet from a port to an address, through ofproto/trace on every hop."""

from __future__ import annotations

import argparse
import dataclasses
import ipaddress
import re
from typing import Any

from ryu_apps.cli.client import Client
from ryu_apps.cli.command import Command, completer, port_number
from ryu_apps.cli.errors import NEGATIVE, OK, USAGE, CliError
from ryu_apps.cli.output import Result
from ryu_apps.cli.resources import named
from ryu_apps.cli.system import element_id, host_of
from ryu_apps.cli.trace import hypervisor
from ryu_apps.cli.trace.ofproto import Output, Step, Trace, parse
from ryu_apps.cli.trace.packet import Packet
from ryu_apps.cli.trace.text import NOT_SENT, render
from ryu_apps.cli.trace.topology import Topology
from vrouter_ovs.edge import PuntReason
from vrouter_ovs.encapsulation import ENCAPSULATIONS, SENDABLE, carries_vni
from vrouter_ovs.numbers import SUBPORT_NUMBERS
from vrouter_ovs.schema.drops import DropReason
from vrouter_ovs.schema.registers import REGISTERS, subfield
from vrouter_ovs.schema.tables import TABLE_IDS, TABLE_NAMES, drop_reason

MAX_HOPS = 8

ERRORS = {
    PuntReason.TIME_EXCEEDED: "its TTL is used up at the gateway",
    PuntReason.UNREACHABLE: DropReason.NO_ROUTE.sentence,
    PuntReason.TO_GATEWAY: "it is for the gateway itself, which does nothing of the kind",
}
"""What a router answers with an error, by what the flow before the table punt has set."""

ANSWERS = {
    PuntReason.DNS: "the node, which is the network's resolver",
    PuntReason.MDNS: "the node, which answers mDNS queries in this network",
    PuntReason.METADATA: "the node, which asks the metadata service",
}
"""What the node answers for the network."""


def run(client: Client, options: Any) -> Result:
    protocol, number = ("tcp", options.tcp) if options.tcp is not None else (
        ("udp", options.udp) if options.udp is not None else ("icmp", 0)
    )  # fmt: skip
    try:
        address = str(ipaddress.ip_address(options.address))
    except ValueError as error:
        raise CliError(f"{options.address} is no IP address", USAGE) from error
    topology = Topology(client)
    port = client.find("ports", options.port)
    element, in_port = topology.claim(port)
    source, subnet = topology.source(port, address)
    mac, role = topology.destination_mac(port, element, subnet, address)
    data: dict[str, Any] = {
        "port": {"id": port["id"], "name": port["name"]},
        "address": address,
        "source": source,
        "first_hop": role,
        "hops": [],
    }
    if mac:
        in_port, vlan = topology.wire(element, in_port)
        packet = Packet(
            port["mac_address"], mac, source, address, protocol, number, vlan=vlan)
        data.update(_trace_hops(topology, options.template, packet, element, in_port, data["hops"]))
    else:
        data.update(verdict=NOT_SENT, reason=role)
    good = data["verdict"] in ("delivered", "answered")
    return Result(data, render(data), OK if good else NEGATIVE)


def _trace_hops(
    topology: Topology, template: str, packet: Packet, element: str, in_port: int, hops: list
) -> dict[str, Any]:
    """Trace hop after hop into ``hops``; returns the verdict."""
    destination = packet.ip_dst
    for _ in range(MAX_HOPS):
        record = topology.element(element)
        host = host_of(record)
        flow = packet.flow(in_port)
        try:
            trace = parse(hypervisor.trace(template, host, flow), hypervisor.BRIDGE)
        except ValueError as error:
            raise CliError(f"{host}: {error}") from error
        hop: dict[str, Any] = {
            "element": element,
            "host": host,
            "vtep": record.get("vtep", ""),
            "flow": flow,
            "steps": [_step(step) for step in trace.steps],
            "datapath_actions": trace.datapath,
            "outcome": "",
        }
        hops.append(hop)
        packet = packet.after(trace.final)
        if segment := _to_segment(topology, element, trace):
            where = f"physical network {segment['physical_network']}"
            where += f", VLAN {segment['vlan']}" if segment["vlan"] else ", untagged"
            hop["outcome"] = where
            behind = topology.behind_segment(packet.eth_dst, segment["evi"])
            if behind is None or behind[0] == element:
                return {"verdict": "left", "reason": f"it leaves for {where}"}
            element, there = behind
            in_port = there["ofport"]
            packet = dataclasses.replace(packet, vlan=there["vlan"], tunnel=None)
            continue
        verdict = _at_a_port(topology, element, trace, destination)
        if verdict is None and (onward := _onward(topology, record, trace)) is not None:
            vni, here, remote, encap = onward
            label = "VNI" if carries_vni(encap) else "label"
            hop["outcome"] = f"{encap.upper()} to {remote}, {label} {vni}"
            following = topology.by_vtep(remote)
            if following is None:
                return {
                    "verdict": "left",
                    "reason": f"it leaves for the VTEP {remote}, which is no hypervisor of this "
                    f"system, with VNI {vni}",
                }
            if topology.is_down(element, remote):
                return {
                    "verdict": "dropped",
                    "element": element,
                    "host": host,
                    "reason": f"the tunnel to {host_of(following)} ({remote}) is down: BFD has "
                    "lost the other end",
                }
            if not carries_vni(encap):
                return {
                    "verdict": "left",
                    "reason": f"it leaves for {host_of(following)} ({remote}) with the MPLS label "
                    f"{vni}; a trace begins with a frame, and what is behind a label it does not "
                    "see: vnctl explain follows it",
                }
            element = element_id(following)
            number = topology.tunnel_ofport(element, here, encap)
            if number is None:
                return {
                    "verdict": "dropped",
                    "element": element,
                    "reason": f"{host_of(following)} has no tunnel to {here}, from where it comes",
                }
            in_port = number
            ovs = ENCAPSULATIONS[encap].ovs if encap in SENDABLE else None
            key = vni << ovs.key_shift if ovs is not None else vni
            packet = dataclasses.replace(packet, tunnel=(key, here, remote), vlan=0)
            continue
        verdict = verdict or _drop(element, trace)
        hop["outcome"] = verdict["verdict"]
        return {"element": element, "host": host, **verdict}
    return {"verdict": "looped", "reason": f"it is still on its way after {MAX_HOPS} hops"}


def _step(step: Step) -> dict[str, Any]:
    return {
        "table": step.table,
        "table_name": TABLE_NAMES.get(step.table, str(step.table)),
        **{key: value for key, value in dataclasses.asdict(step).items() if key != "table"},
    }


def _at_a_port(
    topology: Topology, element: str, trace: Trace, destination: str
) -> dict[str, Any] | None:
    """The verdict if it came to a local port; the intended one, if it came to several."""
    if trace.datapath == "drop":
        return None
    local = [one for one in trace.outputs if not one.tunnel and not one.problem]
    if any(one.port == -1 for one in local):
        return {
            "verdict": "answered",
            "reason": "the switch answers it itself, back to where it came from",
        }
    found = []
    # The port that a subport's frames leave by is its trunk's parent.
    meant = int(trace.final.get(f"reg{REGISTERS['out_port'].number}", "0"), 0)
    for output in local:
        number = meant if meant >= SUBPORT_NUMBERS[0] else output.port
        port = topology.port_at(element, number)
        if port is not None and destination in port["addresses"]:
            return {"verdict": "delivered", "reason": "", "to": port}
        found.append(port or {"id": "", "name": f"OpenFlow port {output.port}", "addresses": []})
    if not found or any(one.tunnel and not one.problem for one in trace.outputs):
        return None
    names = ", ".join(port["name"] for port in found)
    return {
        "verdict": "misdelivered",
        "to": found[0],
        "reason": f"it came to {names}, which does not have the address {destination}",
    }


def _to_segment(topology: Topology, element: str, trace: Trace) -> dict[str, Any] | None:
    """The segment that the packet goes to, and nowhere else."""
    table = TABLE_IDS["segment"]
    if trace.tunnels or not trace.steps or trace.steps[-1].table != table:
        return None
    evi = int(trace.final.get(f"reg{REGISTERS['evi'].number}", "0"), 0)
    return topology.segment(element, evi)


def _onward(topology: Topology, record: Any, trace: Trace) -> tuple[int, str, str, str] | None:
    """(VNI, this VTEP, the other VTEP, the encapsulation) if the packet goes into a tunnel."""
    if not trace.tunnels:
        return None
    header = trace.tunnels[0]
    return header.vni, header.src or record.get("vtep", ""), header.dst, header.encap


def _drop(element: str, trace: Trace) -> dict[str, Any]:
    punted = _punt_reason(trace)
    error = ERRORS.get(punted, "")
    if "controller(" in trace.datapath:
        if punted in ANSWERS:
            return {"verdict": "answered", "reason": f"by {ANSWERS[punted]}"}
        reason = f"{error}; the node tells the sender" if error else "the node decides about it"
        return {"verdict": "to the controller", "reason": reason}
    drop: DropReason | None = None
    problem: Output | None = next((one for one in trace.outputs if one.problem), None)
    last = trace.steps[-1] if trace.steps else None
    table = TABLE_NAMES.get(last.table, str(last.table)) if last else ""
    if problem is not None:
        reason = problem.problem
    elif last is None:
        reason = "the bridge has no flows"
    elif last.match is None:
        drop = drop_reason(last.table)
        sentence = drop.sentence if drop else "the packet ends there"
        reason = f"no flow matches in table {table}: {sentence}"
        if drop is DropReason.NOT_PUNTED and error:
            reason = f"{error}; no error is sent: {sentence}"
    else:
        drop = drop_reason(last.table, last.priority)
        reason = f"by the flow {last.match}, priority {last.priority}, of table {table}"
        if drop:
            reason += f": {drop.sentence}"
    flow = f"{last.match}, priority {last.priority}" if last and last.match else None
    return {
        "verdict": "dropped", "table": table, "flow": flow, "reason": reason,
        "drop_reason": drop.name.lower() if drop else None,
    }  # fmt: skip


def _punt_reason(trace: Trace) -> int:
    """What it is punted for, as the last flow that said so has it."""
    register, reason = subfield(REGISTERS["punt_reason"]), 0
    for step in trace.steps:
        for action in step.actions:
            if said := re.fullmatch(rf"set_field:(0x[0-9a-f]+)->{register}", action):
                reason = int(said[1], 16)
    return reason


def arguments(parser: argparse.ArgumentParser) -> None:
    completer(parser.add_argument("port", metavar="PORT", help="the sending port: name or id"),
              named("ports"))
    parser.add_argument("address", metavar="ADDRESS", help="where to: an IP address")
    kind = parser.add_mutually_exclusive_group()
    kind.add_argument("--icmp", action="store_true", help="an echo request (default)")
    kind.add_argument("--tcp", metavar="N", type=port_number, help="TCP to this port")
    kind.add_argument("--udp", metavar="N", type=port_number, help="UDP to this port")
    parser.add_argument(
        "--exec", dest="template", metavar="TEMPLATE", default=hypervisor.default_template(),
        help="how to run a command on a hypervisor, {host} standing for its name "
        '(default: %(default)s)',
    )  # fmt: skip


COMMANDS = [
    Command(
        "trace", "Follow a packet from a port to an address, hop by hop", run, arguments,
        (
            "vnctl trace web1 10.0.2.7",
            "vnctl trace web1 10.0.2.7 --tcp 443 --json",
            'vnctl trace web1 10.0.2.7 --exec "ssh root@{host}"',
        ),
        lists=False,
    ),
]  # fmt: skip
