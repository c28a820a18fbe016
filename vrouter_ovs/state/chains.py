"""Service chains: what leaves a port for the first service of one, and where each service is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, NamedTuple

from vrouter_ovs.state.base import Key, StateBase
from vrouter_ovs.state.forwarding import BridgedHop


class Classifier(NamedTuple):
    """IP packets of one version.  ``protocol``: 1 to 255, or -1 for any; ``source``,
    ``destination``: prefixes, "" for everywhere; ranges of ports are both ends, -1 for any."""

    version: int
    protocol: int = -1
    source: str = ""
    destination: str = ""
    source_first: int = -1
    source_last: int = -1
    destination_first: int = -1
    destination_last: int = -1


class Steered(NamedTuple):
    """What ``classifier`` takes goes to one of the ``instances`` of ``service``, a number of 22
    bits for the place of a service in a chain; a hash of addresses, protocol and ports chooses,
    which is the same for both directions of a connection."""

    service: int
    instances: int
    classifier: Classifier


@dataclass(frozen=True, slots=True)
class Steering(StateBase):
    """What the port ``ofport`` sends into service chains: it is where one begins, or comes out of a
    service that is not the last.  All else that it sends is bridged."""

    kind: ClassVar[str] = "steering"
    port_id: str
    ofport: int
    entries: tuple[Steered, ...]

    @property
    def key(self) -> Key:
        return ("steering", self.port_id)


@dataclass(frozen=True, slots=True)
class ServiceInstance(StateBase):
    """The port that has ``number`` among the instances of ``service``: ``mac`` at the port
    ``ofport`` of this bridge, or at another VTEP, ``remote``; with neither nobody has it, and what
    should go there is dropped."""

    kind: ClassVar[str] = "service"
    service: int
    number: int
    mac: str = ""
    ofport: int = 0
    remote: BridgedHop | None = None

    @property
    def key(self) -> Key:
        return ("service", self.service, self.number)

    @property
    def depends_on_peers(self) -> bool:
        return not self.ofport
