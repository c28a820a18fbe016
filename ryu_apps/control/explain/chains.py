"""The service chains that a packet goes through, and whether each service has an instance."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Port, PortChain
from ryu_apps.control.config.service_chains.plan import (
    REVERSE,
    chains_from,
    classifier_of,
    services_of,
)
from ryu_apps.control.explain.path import DROP, PASS, Stage
from ryu_apps.control.explain.rules import Packet, contains
from vrouter_ovs.numbers import PROTO_ICMP, PROTO_ICMPV6
from vrouter_ovs.state import Classifier


def chain_stages(
    config: Config, port: Port, packet: Packet, name: str,
    states: Callable[[str], tuple[str, str]],
) -> Iterator[Stage]:
    """One stage for each service of the chain that begins with what ``port`` sends; none where
    there is none.  ``states``: the status of a port now, or "" where nobody knows."""
    for chain_id in sorted(chains_from(config, port.id)):
        chain = config.port_chains[chain_id]
        for direction, place, service in services_of(config, chain):
            if _begins(config, chain, direction, port, packet):
                yield _service(chain, place, direction, service.instances, name, states)


def _begins(
    config: Config, chain: PortChain, direction: int, port: Port, packet: Packet
) -> bool:
    for id in chain.flow_classifiers:
        item = config.flow_classifiers.get(id)
        if item is None:
            continue
        end = item.logical_destination_port if direction == REVERSE else item.logical_source_port
        if end == port.id and takes(classifier_of(item, direction), packet):
            return True
    return False


def takes(classifier: Classifier, packet: Packet) -> bool:
    """Whether a classifier takes the first packet of a connection, or the first reply."""
    if classifier.version != packet.version:
        return False
    if classifier.protocol not in (-1, packet.protocol):
        return False
    for prefix, address in (
        (classifier.source, packet.source), (classifier.destination, packet.destination),
    ):  # fmt: skip
        if prefix and not contains(prefix, address):
            return False
    if packet.protocol in (PROTO_ICMP, PROTO_ICMPV6):
        return True
    return all(
        first == -1 or first <= number <= last
        for first, last, number in (
            (classifier.source_first, classifier.source_last, packet.source_port),
            (classifier.destination_first, classifier.destination_last, packet.first),
        )
    )


def _service(
    chain: PortChain, place: int, direction: int, ports: tuple[str, ...], name: str,
    states: Callable[[str], tuple[str, str]],
) -> Stage:
    groups = chain.port_pair_groups[::-1] if direction == REVERSE else chain.port_pair_groups
    known = dict.fromkeys(ports)
    alive = [port_id for port_id in known if states(port_id)[0] in ("", "ACTIVE")]
    what = f"port chain {chain.name or chain.id}, service {groups[place]}"
    if not alive:
        why = "none of its instances is ACTIVE" if known else "it has no instance"
        return Stage(name, DROP, f"{what}: {why}, and what is for it is dropped")
    return Stage(
        name, PASS, f"{what}: {len(alive)} of {len(known)} instances are ACTIVE, by port "
        f"{', '.join(alive[:3])}" + (" and others" if len(alive) > 3 else ""),
    )
