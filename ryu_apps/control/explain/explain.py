"""Why a packet may pass, or may not.  Pure.

No packet is sent and no flow is read.  The configuration is asked as the switches apply it, and
what the switches have confirmed of it.  The answer names the rules that allow each stage or, where
none does, those that come nearest and what they miss.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterable
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, Subnet
from ryu_apps.control.config.protocols import protocol_number
from ryu_apps.control.config.provider_networks import served_outside
from ryu_apps.control.config.service_addresses import is_resolver
from ryu_apps.control.explain import floating
from ryu_apps.control.explain.chains import chain_stages
from ryu_apps.control.explain.limits import limit_stages
from ryu_apps.control.explain.path import (
    DROP,
    PASS,
    UNKNOWN,
    Exists,
    Holder,
    Observed,
    Stage,
    path_of,
    port_name,
)
from ryu_apps.control.explain.rules import Packet, contains, match, nearest
from ryu_apps.control.policy.rules import NO_GROUPS, Groups, groups_of
from vrouter_ovs.numbers import (
    ECHO_REQUEST,
    ECHO_REQUEST6,
    PORT_DHCP_SERVER,
    PORT_DHCPV6_SERVER,
    PORT_DNS,
    PORT_HTTP,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_TCP,
    PROTO_UDP,
)
from vrouter_ovs.state import EGRESS, INGRESS, METADATA_ADDRESSES
from vrouter_ovs.state.segments import DHCP4, DHCP6

DHCP = {"255.255.255.255": PORT_DHCP_SERVER, "ff02::1:2": PORT_DHCPV6_SERVER}
"""Where clients ask for their configuration (RFC 2131 section 4.1, RFC 8415 section 7)."""
ALLOWED, DENIED, UNREACHABLE, NOT_KNOWN = "allowed", "denied", "unreachable", "unknown"
NEAREST = 5
"""So many rules that nearly match are named."""


class ExplainError(ValueError):
    """The question cannot be answered as it was put."""


def explain(
    config: Config,
    port_id: str,
    to: str,
    protocol: str | int = "icmp",
    dport: int = -1,
    icmp_type: int = -1,
    icmp_code: int = -1,
    source: str = "",
    routed: Exists = lambda vni, address: "",
    states: Callable[[str], tuple[str, str]] = lambda port_id: ("", ""),
    holder: Holder = lambda sharing, address: min(sharing),
    observed: Observed | None = None,
    metadata: bool = False,
) -> dict[str, Any]:
    """What happens to a connection from a port to ``to`` (an address, or a port's id).

    ``source``: the address to send from, or "" for the port's own.  ``states``: the status of a
    port now ("ACTIVE"...), or "", and the reason of it.  ``holder``: who has an address of allowed
    address pairs now.  ``observed``: what the switches have; without it, only the configuration is
    asked.  ``metadata``: whether instances are served theirs.
    Returns ``{"verdict", "reason", "stages": [...], ...}``.
    Raises KeyError for an unknown port, ExplainError for a question that makes no sense.
    """
    port = config.ports[port_id]
    packet, subnet = _packet(config, port, to, protocol, dport, icmp_type, icmp_code, source)
    stages = [_status(port, states), _spoof(port, packet)]
    target: Port | None = None
    if own := _asks_the_network(config, port, packet, observed, metadata):
        stages += own
    else:
        useless = observed.useless if observed is not None else lambda vni, address: ""
        path_stage, target = path_of(config, port, subnet, packet, routed, holder, useless)
        # No router is between the two: each sees the other's MAC.
        bridged = subnet is not None and contains(subnet.cidr, packet.destination)
        sender, receiver = (port, target) if bridged else (None, None)
        stages += _group_stage(config, port, EGRESS, packet, "egress rules", receiver)
        stages += limit_stages(config, port, EGRESS, observed)
        stages += chain_stages(config, port, packet, "service chain", states)
        stages.append(path_stage)
        outside = floating.translated(config, port, packet, path_stage, target)
        stages += outside.stages
        target, inward = outside.target, outside.packet
        back = packet.reply()
        if target is not None:
            stages.append(_status(target, states))
            stages += _group_stage(config, target, INGRESS, inward, "ingress rules", sender)
            stages += limit_stages(config, target, INGRESS, observed)
            inner = inward.reply()
            stages += _reply(config, target, EGRESS, inner, "reply egress rules", sender)
            stages += chain_stages(config, target, inner, "reply service chain", states)
        if path_stage.verdict == PASS:
            stages += _reply(config, port, INGRESS, back, "reply ingress rules", receiver)
            if observed is not None:
                stages += _observed(config, port, subnet, target, packet, stages, observed)
    failed = next((one for one in stages if one.verdict == DROP), None) or next(
        (one for one in stages if one.verdict == UNKNOWN), None
    )
    if failed is None:
        verdict = ALLOWED
    elif failed.verdict == UNKNOWN:
        verdict = NOT_KNOWN
    else:
        rules = failed.stage == "anti-spoof" or failed.stage.endswith("rules")
        verdict = DENIED if rules else UNREACHABLE
    return {
        "verdict": verdict,
        "reason": f"{failed.stage}: {failed.reason}" if failed else "",
        "packet": str(packet),
        "source": {"port": port.id, "name": port.name, "address": packet.source},
        "destination": {
            "port": target.id if target else "", "name": target.name if target else "",
            "address": packet.destination,
        },
        "stages": [one.data() for one in stages],
    }


# ---------------------------------------------------------------- the question


def _packet(
    config: Config, port: Port, to: str, protocol: str | int, dport: int, icmp_type: int,
    icmp_code: int, source: str,
) -> tuple[Packet, Subnet | None]:
    """The packet, and the subnet of the sender that it starts in."""
    target = config.ports.get(to)
    if target is not None:
        addresses = [fixed.ip_address for fixed in target.fixed_ips]
        if not addresses:
            raise ExplainError(f"port {to} has no address")
    else:
        try:
            addresses = [str(ipaddress.ip_address(to))]
        except ValueError:
            raise ExplainError(f"'{to}' is neither an IP address nor the id of a port") from None
    choices = []
    for fixed in port.fixed_ips:
        subnet = config.subnets.get(fixed.subnet_id)
        for address in addresses:
            if subnet is not None and subnet.ip_version == _version(address):
                away = ipaddress.ip_address(address) not in subnet.net
                choices.append((away, fixed.ip_address, address, subnet))
    if not choices:
        raise ExplainError(
            f"port {port.id} has no IPv{_version(addresses[0])} address to send from"
        )
    # What is sent from one of the port's own addresses starts in the subnet of that.
    _, own, address, subnet = min(choices, key=lambda choice: (choice[1] != source, choice[0]))
    if source:
        try:
            own = str(ipaddress.ip_address(source))
        except ValueError:
            raise ExplainError(f"'{source}' is no IP address") from None
        if _version(own) != _version(address):
            raise ExplainError(f"{own} and {address} are not of the same IP version")
    version = _version(address)
    try:
        number = protocol_number(str(protocol), version)
    except ValueError as error:
        raise ExplainError(str(error)) from None
    if number in (PROTO_ICMP, PROTO_ICMPV6):
        first = icmp_type if icmp_type >= 0 else (
            ECHO_REQUEST6 if version == 6 else ECHO_REQUEST
        )
        last = icmp_code if icmp_code >= 0 else 0
    else:
        first = last = dport
    return Packet(version, own, address, number, first, last), subnet


def _version(address: str) -> int:
    return 6 if ":" in address else 4


# ---------------------------------------------------------------- stages


def _asks_the_network(
    config: Config, port: Port, packet: Packet, observed: Observed | None, metadata: bool
) -> list[Stage]:
    """The stages of a packet that the node answers for the network; none: it is no such packet."""
    if metadata and packet.protocol == PROTO_TCP and packet.first == PORT_HTTP and (
        packet.destination in METADATA_ADDRESSES
    ):
        what = "metadata", "the node asks the metadata service, and no rule is asked"
        key = ("metadata",)
        if not port.device_id:
            what = what[0], "the node answers 404, as the port has no device"
    elif packet.protocol in (PROTO_TCP, PROTO_UDP) and packet.first == PORT_DNS and is_resolver(
        config, port.network_id, packet.destination
    ):
        what = "resolver", "the network's own resolver: the node answers, and no rule is asked"
        key = ("dns", config.networks[port.network_id].vni, packet.destination)
    elif packet.protocol == PROTO_UDP and packet.first == DHCP.get(packet.destination):
        what, key = ("dhcp", "the node answers, and no rule is asked"), None
        network = config.networks[port.network_id]
        if (DHCP4 if packet.version == 4 else DHCP6) in served_outside(config, network):
            why = f"servers on physical network {network.physical_network}, and no rule is asked"
            return [Stage("dhcp", PASS, why, port.id)]
        if not any(
            subnet.enable_dhcp and subnet.ip_version == packet.version
            for fixed in port.fixed_ips if (subnet := config.subnets.get(fixed.subnet_id))
        ):
            why = "DHCP is off in the port's subnets: nobody answers"
            return [Stage("dhcp", DROP, why, port.id)]
    else:
        return []
    stage = Stage(what[0], PASS, what[1], port.id)
    fault = observed.node_answers(port, key) if observed is not None else None
    return [stage] if fault is None else [stage, fault]


def _observed(
    config: Config, port: Port, subnet: Subnet, target: Port | None, packet: Packet,
    stages: list[Stage], observed: Observed,
) -> Iterable[Stage]:
    """What the switches have of all this, there and back as far as they are this node's."""
    for one in stages:
        if one.rules and (fault := observed.policy(config.ports[one.port], one.rules)):
            yield fault
    yield observed.trace(port, subnet, packet)
    if target is None or not observed.is_here(target):
        return
    back = packet.reply()
    for fixed in target.fixed_ips:
        start = config.subnets.get(fixed.subnet_id)
        if start is not None and fixed.ip_address == back.source:
            yield observed.trace(target, start, back, "reply forwarding")


def _status(port: Port, states: Callable[[str], tuple[str, str]]) -> Stage:
    state, reason = states(port.id)
    if state in ("", "ACTIVE"):
        return Stage("port state", "pass", reason or state.lower() or "not asked", port.id)
    why = "it is administratively down" if not port.admin_state_up else reason or {
        "DOWN": "no hypervisor has its interface",
        "BUILD": "its switch has not confirmed its flows yet",
        "ERROR": "its switch refused its flows",
    }.get(state, state)
    return Stage("port state", "drop", f"port {port_name(port)} is {state}: {why}", port.id)


def _spoof(port: Port, packet: Packet) -> Stage:
    if not port.port_security_enabled:
        return Stage("anti-spoof", "pass", "port security is off", port.id)
    if packet.source in {fixed.ip_address for fixed in port.fixed_ips}:
        return Stage("anti-spoof", "pass", f"{packet.source} is its address", port.id)
    for pair in port.allowed_address_pairs:
        if contains(pair.ip_address, packet.source):
            return Stage(
                "anti-spoof", "pass", f"allowed address pair {pair.ip_address}", port.id
            )
    return Stage(
        "anti-spoof", "drop",
        f"{packet.source} is neither an address of the port nor an allowed address pair", port.id,
    )


def _group_stage(
    config: Config, port: Port, direction: str, packet: Packet, name: str, beside: Port | None
) -> Iterable[Stage]:
    """``beside``: the port of the other side, where no router is between the two."""
    groups = groups_of(port)
    if not groups:
        why = "port security is off" if not port.port_security_enabled else (
            "it was made before there were security groups and has none: nothing is filtered"
        )
        yield Stage(name, "pass", why, port.id)
        return
    if groups == NO_GROUPS:
        yield Stage(
            name, "drop",
            f"port {port_name(port)} has port security and no security group: nothing is allowed",
            port.id,
        )
        return
    rules, misses = match(config, groups, direction, packet, beside)
    if rules:
        yield Stage(name, "pass", f"{direction} {packet} of port {port_name(port)}", port.id, rules)
        return
    close = nearest(config, misses, NEAREST)
    other = packet.source if direction == INGRESS else packet.destination
    side = "from" if direction == INGRESS else "to"
    reason = f"no {direction} rule of port {port_name(port)} allows {packet} {side} {other}"
    if close:
        reason += f"; nearest: {close[0]['why']}"
    yield Stage(name, "drop", reason, port.id, [], close)


def _reply(
    config: Config, port: Port, direction: str, packet: Packet, name: str, beside: Port | None
) -> Iterable[Stage]:
    """Replies pass a set that tracks connections; a stateless one needs a rule for them."""
    groups = groups_of(port)
    if not groups or groups == NO_GROUPS:
        return
    if stateful(config, groups):
        yield Stage(name, "pass", "connections are tracked, replies pass", port.id)
        return
    yield from _group_stage(config, port, direction, packet, name, beside)


def stateful(config: Config, groups: Groups) -> bool:
    """Whether a policy set tracks connections: one stateful group is enough."""
    known = (config.security_groups.get(group) for group in groups)
    return any(group is None or group.stateful for group in known)
