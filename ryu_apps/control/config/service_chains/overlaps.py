"""Whether two classifiers take a packet in common.  Pure functions."""

from __future__ import annotations

from collections.abc import Iterator

from vrouter_ovs.addresses import ip_network
from vrouter_ovs.state import Classifier, Steered


def ambiguous(entries: tuple[Steered, ...]) -> Iterator[tuple[Steered, Steered]]:
    """Pairs of what one port sends that take a packet in common, and are for two services."""
    for number, one in enumerate(entries):
        for other in entries[number + 1:]:
            if one.service != other.service and overlap(one.classifier, other.classifier):
                yield one, other


def overlap(one: Classifier, other: Classifier) -> bool:
    """Whether there is a packet that both take."""
    if one.version != other.version:
        return False
    if -1 not in (one.protocol, other.protocol) and one.protocol != other.protocol:
        return False
    return all((
        _prefixes(one.source, other.source),
        _prefixes(one.destination, other.destination),
        _ranges(one.source_first, one.source_last, other.source_first, other.source_last),
        _ranges(
            one.destination_first, one.destination_last,
            other.destination_first, other.destination_last,
        ),
    ))


def _prefixes(one: str, other: str) -> bool:
    return not one or not other or ip_network(one).overlaps(ip_network(other))


def _ranges(first: int, last: int, other_first: int, other_last: int) -> bool:
    return -1 in (first, other_first) or (first <= other_last and other_first <= last)
