"""Rules for flow classifiers (Networking API, service function chaining)."""

from __future__ import annotations

import ipaddress
from typing import Any

from ryu_apps.control.config.model import FlowClassifier
from ryu_apps.control.config.rules.addresses import invalid
from ryu_apps.control.config.rules.draft import (
    Context,
    Draft,
    bad_request,
    check_revision,
    common,
    conflict,
    plain,
)
from ryu_apps.control.config.service_chains.overlaps import overlap
from ryu_apps.control.config.service_chains.plan import FORWARD, classifier_of
from vrouter_ovs.numbers import PROTO_ICMP, PROTO_ICMPV6, PROTO_TCP, PROTO_UDP

PROTOCOLS = {"tcp": PROTO_TCP, "udp": PROTO_UDP, "icmp": PROTO_ICMP}
"""Those that networking-sfc knows; "icmp" is ICMPv6 with IPv6."""
RANGES = ("source_port_range", "destination_port_range")


def create(draft: Draft, body: dict[str, Any], context: Context) -> FlowClassifier:
    ethertype = body.get("ethertype") or "IPv4"
    version = 6 if ethertype == "IPv6" else 4
    protocol = _protocol(body.get("protocol"), version)
    fields: dict[str, Any] = {"ethertype": ethertype, "protocol": protocol}
    for name in ("source_ip_prefix", "destination_ip_prefix"):
        fields[name] = _prefix(name, body.get(name), version)
    for name in RANGES:
        fields |= _range(name, body, protocol)
    if not body.get("logical_source_port"):
        raise bad_request(
            "A flow classifier needs its logical_source_port: packets enter a chain where they "
            "leave a port.", "FlowClassifierLogicalSourcePortRequired",
        )
    for name in ("logical_source_port", "logical_destination_port"):
        fields[name] = body.get(name) or ""
        if fields[name]:
            draft.get("port", fields[name])
    made = FlowClassifier(**fields, **common(body, context))
    _alone(draft, made)
    return draft.put("flow_classifier", made)


def update(draft: Draft, id: str, body: dict[str, Any], context: Context) -> FlowClassifier:
    old = draft.get("flow_classifier", id)
    return draft.replace("flow_classifier", old, context, **plain(body, "name", "description"))


def delete(draft: Draft, id: str, context: Context) -> None:
    old = draft.get("flow_classifier", id)
    check_revision("flow_classifier", old, context)
    chains = draft.config.chains_by_classifier.get(id)
    if chains:
        raise conflict(
            "FlowClassifierInUse",
            f"Flow Classifier {id} in use by port chain {draft.names('port_chain', chains)}. Take "
            "it from the chain first.",
        )
    draft.delete("flow_classifier", id)


def _alone(draft: Draft, made: FlowClassifier) -> None:
    """No other takes the same packets of the same port."""
    takes = classifier_of(made, FORWARD)
    for id in draft.config.classifiers_by_port.get(made.logical_source_port, ()):
        other = draft.config.flow_classifiers[id]
        if other.logical_source_port == made.logical_source_port and overlap(
            takes, classifier_of(other, FORWARD)
        ):
            raise bad_request(
                f"Flow Classifier conflicts with another Flow Classifier "
                f"{draft.names('flow_classifier', (id,))}: both take the same packets of port "
                f"{made.logical_source_port}.", "FlowClassifierInConflict",
            )


def _protocol(value: str | None, version: int) -> int:
    if not value:
        return -1
    name = value.lower()
    if name not in PROTOCOLS:
        raise bad_request(
            f"Flow Classifier does not support protocol {value}. Supported protocol values are "
            f"{', '.join(PROTOCOLS)}.", "FlowClassifierInvalidProtocol",
        )
    return PROTO_ICMPV6 if name == "icmp" and version == 6 else PROTOCOLS[name]


def _prefix(name: str, value: str | None, version: int) -> str:
    if not value:
        return ""
    try:
        net = ipaddress.ip_network(value, strict=False)
    except ValueError as error:
        raise invalid(name, f"'{value}' is not a valid IP subnet: {error}") from error
    if net.version != version:
        raise bad_request(
            f"IP prefix {value} format conflicts with ethertype IPv{version}.",
            "FlowClassifierIpPrefixFormatConflictWithEthertype",
        )
    return str(net) if net.prefixlen else ""


def _range(name: str, body: dict[str, Any], protocol: int) -> dict[str, int]:
    first, last = body.get(f"{name}_min"), body.get(f"{name}_max")
    if first is None and last is None:
        return {f"{name}_min": -1, f"{name}_max": -1}
    if protocol not in (PROTO_TCP, PROTO_UDP):
        raise bad_request(
            "IP protocol must be TCP or UDP, if port range is given.",
            "FlowClassifierProtocolRequiredWithPorts",
        )
    first, last = first if first is not None else 0, last if last is not None else 65535
    if first > last:
        raise bad_request(
            f"Invalid IP protocol port range. min_port_range={first} must be lesser or equal to "
            f"max_port_range={last}.", "FlowClassifierInvalidPortRange",
        )
    return {f"{name}_min": first, f"{name}_max": last}
