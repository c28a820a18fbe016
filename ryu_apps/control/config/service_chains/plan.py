"""From the configuration to services and what is steered into them.  Pure functions.

A *service* is the place of a port pair group in a chain, in one direction: its number is made of
the chain's number, so it is the same at every node and after every restart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator
from typing import NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import FlowClassifier, PortChain, PortPair
from vrouter_ovs.state import Classifier, Steered

FORWARD, REVERSE = 0, 1
PLACE_BITS = 5
MAX_GROUPS = 1 << PLACE_BITS
"""Services of a chain; an RFC 7665 chain of so many has never been seen."""
MAX_INSTANCES = 1024
"""Of a service, by weight."""


class Service(NamedTuple):
    """``number``: of 22 bits.  ``instances``: the ports that packets go to, each as often as its
    weight says."""

    number: int
    instances: tuple[str, ...]


def number_of(chain_id: int, place: int, direction: int) -> int:
    return (chain_id << PLACE_BITS | place) << 1 | direction


def classifier_of(item: FlowClassifier, direction: int) -> Classifier:
    """What a flow classifier takes, or what is answered to that."""
    source = (
        item.source_ip_prefix, item.source_port_range_min, item.source_port_range_max,
    )  # fmt: skip
    destination = (
        item.destination_ip_prefix, item.destination_port_range_min,
        item.destination_port_range_max,
    )  # fmt: skip
    if direction == REVERSE:
        source, destination = destination, source
    return Classifier(
        6 if item.ethertype == "IPv6" else 4, item.protocol, source[0], destination[0],
        *source[1:], *destination[1:],
    )


def directions(chain: PortChain) -> tuple[int, ...]:
    return (FORWARD, REVERSE) if chain.symmetric else (FORWARD,)


def pairs_of(config: Config, group_id: str) -> list[PortPair]:
    group = config.port_pair_groups.get(group_id)
    found = map(config.port_pairs.get, group.port_pairs if group is not None else ())
    return [pair for pair in found if pair is not None]


def services_of(config: Config, chain: PortChain) -> Iterator[tuple[int, int, Service]]:
    """(direction, place, service) of a chain, in the order in which packets pass them."""
    for direction in directions(chain):
        for place, group in enumerate(_groups(chain, direction)):
            ports = [
                _entrance(pair, direction)
                for pair in pairs_of(config, group) for _ in range(pair.weight)
            ]
            number = number_of(chain.chain_id, place, direction)
            yield direction, place, Service(number, tuple(ports[:MAX_INSTANCES]))


def steering_of(config: Config, port_id: str) -> tuple[Steered, ...]:
    """What a port sends into services, of all chains, each once."""
    found: dict[Steered, None] = {}
    for chain_id in sorted(chains_from(config, port_id)):
        chain = config.port_chains[chain_id]
        classifiers = [
            item for one in chain.flow_classifiers
            if (item := config.flow_classifiers.get(one)) is not None
        ]
        for direction, place, service in services_of(config, chain):
            if not place:
                taken = [one for one in classifiers if _begins_at(one, direction) == port_id]
            elif _leads_on(config, chain, direction, place, port_id):
                taken = classifiers
            else:
                continue
            instances = len(service.instances) or 1
            for item in taken:
                found[Steered(service.number, instances, classifier_of(item, direction))] = None
    return tuple(sorted(found))


def chains_from(config: Config, port_id: str) -> dict[str, None]:
    """The chains that a port may send into."""
    found: dict[str, None] = {}
    for item in config.classifiers_by_port.get(port_id, ()):
        found.update(config.chains_by_classifier.get(item, ()))
    for pair in config.pairs_by_port.get(port_id, ()):
        for group in config.groups_by_pair.get(pair, ()):
            found.update(config.chains_by_group.get(group, ()))
    return found


def chains_of(config: Config, kind: str, id: str) -> dict[str, None]:
    """The chains that a resource is in, of a kind that chains are made of; it may be gone."""
    match kind:
        case "port_chain":
            return {id: None}
        case "port_pair_group":
            return dict.fromkeys(config.chains_by_group.get(id, ()))
        case "flow_classifier":
            return dict.fromkeys(config.chains_by_classifier.get(id, ()))
    groups = config.groups_by_pair.get(id, ())
    return {one: None for group in groups for one in config.chains_by_group.get(group, ())}


def ports_of(config: Config, chain: PortChain) -> set[str]:
    """All ports that have to do with a chain."""
    found: set[str] = set()
    for one in chain.flow_classifiers:
        item = config.flow_classifiers.get(one)
        if item is not None:
            found |= {item.logical_source_port, item.logical_destination_port} - {""}
    for group in chain.port_pair_groups:
        for pair in pairs_of(config, group):
            found |= {pair.ingress, pair.egress}
    return found


def stand_in(service: int, number: int, live: Collection[int]) -> int:
    """Which of the ``live`` instances of a service takes what is for its instance ``number``: that
    one itself, or by rendezvous another, so that only what a lost one had goes elsewhere."""
    if number in live:
        return number

    def score(other: int) -> tuple[bytes, int]:
        text = f"{service} {number} {other}".encode()
        return hashlib.blake2b(text, digest_size=8).digest(), other

    return max(live, key=score)


def _groups(chain: PortChain, direction: int) -> tuple[str, ...]:
    groups = chain.port_pair_groups[:MAX_GROUPS]
    return groups[::-1] if direction == REVERSE else groups


def _entrance(pair: PortPair, direction: int) -> str:
    return pair.egress if direction == REVERSE else pair.ingress


def _begins_at(item: FlowClassifier, direction: int) -> str:
    return item.logical_destination_port if direction == REVERSE else item.logical_source_port


def _leads_on(
    config: Config, chain: PortChain, direction: int, place: int, port_id: str
) -> bool:
    """Whether a port is the way out of the service before ``place``."""
    before = _groups(chain, direction)[place - 1]
    return any(
        port_id == _entrance(pair, 1 - direction) for pair in pairs_of(config, before)
    )
