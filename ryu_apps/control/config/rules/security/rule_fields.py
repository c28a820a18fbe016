"""What a security group rule says, as a request gives it: direction, protocol, ports, remote
(Networking API v2.0, "Security group rules")."""

from __future__ import annotations

import ipaddress
from typing import Any

from ryu_apps.control.config.protocols import PROTOCOLS, protocol_number
from ryu_apps.control.config.rules.draft import Draft, bad_request
from vrouter_ovs.numbers import (
    PROTO_DEST_OPTIONS,
    PROTO_FRAGMENT,
    PROTO_ICMP,
    PROTO_ICMPV6,
    PROTO_IPV6,
    PROTO_NO_NEXT,
    PROTO_ROUTING,
    PROTO_SCTP,
    PROTO_TCP,
    PROTO_UDP,
)

WITH_PORTS = {PROTO_TCP: "tcp", PROTO_UDP: "udp", PROTO_SCTP: "sctp"}
"""The protocols whose ports a switch can match (ovs-fields(7))."""
ONLY_IPV6 = frozenset((
    PROTO_IPV6, PROTO_ROUTING, PROTO_FRAGMENT, PROTO_ICMPV6, PROTO_NO_NEXT, PROTO_DEST_OPTIONS,
))  # fmt: skip
DIRECTIONS = ("ingress", "egress")
ETHERTYPES = {"ipv4": "IPv4", "ipv6": "IPv6"}
MAX_PORT = 65535
Ports = tuple[int, int]


def parsed(draft: Draft, body: dict[str, Any]) -> dict[str, Any]:
    """The fields of a rule, by their names in the model.  Raises RuleError 400, and 404 for a
    remote that the client does not see."""
    direction = _direction(body["direction"])
    ethertype = _ethertype(body.get("ethertype"))
    protocol = _protocol(body.get("protocol"), ethertype)
    first, last = _ports(protocol, ethertype, body.get("port_range_min"),
                         body.get("port_range_max"))
    prefix, group, addresses = _remotes(draft, body, ethertype)
    return {
        "direction": direction, "ethertype": ethertype, "protocol": protocol,
        "port_range_min": first, "port_range_max": last, "remote_ip_prefix": prefix,
        "remote_group_id": group, "remote_address_group_id": addresses,
    }


def _direction(value: str) -> str:
    if value not in DIRECTIONS:
        raise bad_request(
            f"Invalid input for direction. Reason: '{value}' is not in {list(DIRECTIONS)}.",
            "HTTPBadRequest",
        )
    return value


def _ethertype(value: str | None) -> str:
    found = ETHERTYPES.get((value or "IPv4").lower())
    if found is None:
        raise bad_request(
            f"Security group rule for ethertype '{value}' not supported. Allowed values are "
            "IPv4, IPv6.",
            "SecurityGroupRuleInvalidEtherType",
        )
    return found


def _protocol(value: str | int | None, ethertype: str) -> str:
    """The name or the number as text; "" for any, which the API writes as 0 too."""
    text = str(value).strip().lower() if value is not None else ""
    if text in ("", "any", "-1") or (text.isascii() and text.isdigit() and not int(text)):
        return ""
    if text.isascii() and text.isdigit() and len(text) < 4 and int(text) < 256:
        text = str(int(text))
    elif text not in PROTOCOLS:
        raise bad_request(
            f"Security group rule protocol {value} not supported. Only protocol values "
            f"any, {', '.join(sorted(PROTOCOLS))} and integer representations [0 to 255] are "
            "supported.",
            "SecurityGroupRuleInvalidProtocol",
        )
    if ethertype == "IPv4" and protocol_number(text, 4) in ONLY_IPV6:
        raise bad_request(
            f"Invalid ethertype {ethertype} for protocol {text}: use IPv6.",
            "SecurityGroupEthertypeConflictWithProtocol",
        )
    if ethertype == "IPv6" and text in ("icmp", "icmpv6"):
        return "ipv6-icmp"
    return text


def _ports(protocol: str, ethertype: str, first: int | None, last: int | None) -> Ports:
    """The port range, or type and code; -1 for any."""
    if first is None and last is None:
        return -1, -1
    if not protocol:
        raise bad_request(
            "Must also specify protocol if port range is given.",
            "SecurityGroupProtocolRequiredWithPorts",
        )
    number = protocol_number(protocol, 6 if ethertype == "IPv6" else 4)
    if number in (PROTO_ICMP, PROTO_ICMPV6):
        return _icmp(first, last)
    if number not in WITH_PORTS:
        raise bad_request(
            f"Invalid protocol {protocol} for port range, only supported for "
            f"{', '.join(WITH_PORTS.values())}.",
            "SecurityGroupInvalidProtocolForPort",
        )
    for value in (first, last):
        if value is not None and not 1 <= value <= MAX_PORT:
            raise bad_request(
                f"Invalid value for port {value}: 1 to {MAX_PORT}.", "SecurityGroupInvalidPortValue"
            )
    if first is None or last is None or first > last:
        raise bad_request(
            "For TCP/UDP/SCTP protocols, port_range_min must be <= port_range_max, and both must "
            "be given.",
            "SecurityGroupInvalidPortRange",
        )
    return (-1, -1) if (first, last) == (1, MAX_PORT) else (first, last)


def _icmp(kind: int | None, code: int | None) -> Ports:
    for name, field, value in (
        ("type", "port_range_min", kind), ("code", "port_range_max", code)
    ):
        if value is not None and not 0 <= value <= 255:
            raise bad_request(
                f"Invalid value for ICMP {name} ({field}) {value}. It must be 0 to 255.",
                "SecurityGroupInvalidIcmpValue",
            )
    if kind is None:
        raise bad_request(
            f"ICMP code (port-range-max) {code} is provided but ICMP type (port-range-min) is "
            "missing.",
            "SecurityGroupMissingIcmpType",
        )
    return kind, -1 if code is None else code


def one_remote(body: dict[str, Any]) -> None:
    """Raises RuleError 400 for several remotes."""
    names = ("remote_ip_prefix", "remote_group_id", "remote_address_group_id")
    if sum(bool(body.get(name)) for name in names) > 1:
        raise bad_request(
            "Only one of remote_ip_prefix, remote_group_id and remote_address_group_id may be "
            "provided.",
            "SecurityGroupRemoteGroupAndRemoteIpPrefix",
        )


def _remotes(
    draft: Draft, body: dict[str, Any], ethertype: str
) -> tuple[str, str, str]:
    """(prefix, remote group, address group), of which at most one is not ""."""
    one_remote(body)
    prefix = body.get("remote_ip_prefix") or ""
    group = body.get("remote_group_id") or ""
    addresses = body.get("remote_address_group_id") or ""
    if group:
        draft.get("security_group", group)
    if addresses:
        draft.get("address_group", addresses)
    return _prefix(prefix, ethertype), group, addresses


def _prefix(text: str, ethertype: str) -> str:
    if not text:
        return ""
    try:
        net = ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise bad_request(f"{text} is not a valid CIDR: {error}.", "InvalidCIDR") from error
    if "%" in text:
        raise bad_request(f"{text} is not a valid CIDR: it has a zone.", "InvalidCIDR")
    if (net.version == 6) != (ethertype == "IPv6"):
        raise bad_request(
            f"Conflicting value ethertype {ethertype} for CIDR {text}.",
            "SecurityGroupRuleParameterConflict",
        )
    return text if "/" in text else str(net)
