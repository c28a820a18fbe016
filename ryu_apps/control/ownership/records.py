"""The records of ownership, as the store has them below ``/status/``.

``owners/ELEMENT`` is the truth of who may write to an element; it changes by compare-and-swap
alone, and each change has a higher *epoch*.  ``reach/NODE/ELEMENT`` (ephemeral): the node has a
session with the element.  ``maintenance/NODE``, ``pins/ELEMENT``: what operators wish.

What cannot be read counts as not there, and is named in ``malformed``; unknown fields are left.
"""

from __future__ import annotations

from typing import Any, NamedTuple

NODES = "/status/nodes/"
OWNERS = "/status/owners/"
REACH = "/status/reach/"
MAINTENANCE = "/status/maintenance/"
PINS = "/status/pins/"

PROTOCOL = 1
"""Of a node that goes by these records: ``ownership`` of its own record."""
MAX_EPOCH = 1 << 62
"""Far beyond any revision of a store, and far from where ``generation_id`` wraps around (OpenFlow
1.4 section 6.3.5)."""
MAX_MANAGERS = 64


class OwnerRecord(NamedTuple):
    """``owner``: the node in charge.  ``epoch``: counts the changes.  ``why``: for people."""

    owner: str
    epoch: int
    why: str = ""
    since: str = ""

    def value(self, element: str) -> dict[str, Any]:
        return {"element": element, **self._asdict()}


class ReachRecord(NamedTuple):
    """``controller``: the OpenFlow target that leads the element's switch to the node.
    ``managers``: how many nodes its database names.  ``warm``: the node knows what it needs to
    take it over.  ``load``: as its owner counts it, in units; 0: it is not the owner."""

    controller: str = ""
    managers: int = 1
    warm: bool = False
    load: int = 0

    def value(self, node: str, element: str) -> dict[str, Any]:
        return {"element": element, "node": node, **self._asdict()}


def read_owner(value: Any) -> OwnerRecord | None:
    """None: there is none, or none that can be understood."""
    if type(value) is not dict:
        return None
    owner, epoch = value.get("owner"), value.get("epoch")
    if type(owner) is not str or not owner or type(epoch) is not int:
        return None
    if not 0 < epoch < MAX_EPOCH:
        return None
    return OwnerRecord(owner, epoch, _text(value.get("why")), _text(value.get("since")))


def read_reach(value: Any) -> ReachRecord | None:
    """As :func:`read_owner`."""
    if type(value) is not dict:
        return None
    managers, load = value.get("managers"), value.get("load")
    return ReachRecord(
        _text(value.get("controller")),
        min(managers, MAX_MANAGERS) if type(managers) is int and managers > 0 else 1,
        value.get("warm") is True,
        min(load, 1 << 32) if type(load) is int and load > 0 else 0,
    )


def _text(value: Any) -> str:
    return value[:1000] if type(value) is str else ""


def weight_of(node: dict[str, Any]) -> int:
    """The weight that a node's record tells."""
    weight = node.get("weight")
    return weight if type(weight) is int and 0 < weight <= 1_000_000 else 100


class OwnershipRecords:
    """All of them.  Who takes in what the store tells calls :meth:`changed`."""

    def __init__(self) -> None:
        self.owners: dict[str, OwnerRecord] = {}
        self.reach: dict[str, dict[str, ReachRecord]] = {}
        """Element -> node -> its record."""
        self.draining: set[str] = set()
        self.pins: dict[str, str] = {}
        """Element -> the node that it should be at."""
        self.loads: dict[str, int] = {}
        """Element -> its load, as an owner counted it last."""
        self.void: dict[str, int] = {}
        """Element -> the highest epoch under which this node must not write: a former run of it
        had that, or the element has heard of it from somebody else."""
        self.highest: dict[str, int] = {}
        """Element -> the highest epoch that there was."""
        self.malformed: set[str] = set()

    def changed(self, key: str, value: Any) -> bool:
        """A record of the store is ``value`` now; None: it is gone.  Whether it is of these."""
        for prefix, take in (
            (OWNERS, self._owner), (REACH, self._reach), (MAINTENANCE, self._maintenance),
            (PINS, self._pin),
        ):
            if key.startswith(prefix):
                understood = take(key[len(prefix):], value)
                if value is None or understood:
                    self.malformed.discard(key)
                else:
                    self.malformed.add(key)
                return True
        return False

    def _owner(self, element: str, value: Any) -> bool:
        record = read_owner(value)
        if record is not None:
            self.owners[element] = record
            self.highest[element] = max(record.epoch, self.highest.get(element, 0))
        else:
            self.owners.pop(element, None)
        return record is not None

    def _reach(self, name: str, value: Any) -> bool:
        node, _, element = name.partition("/")
        record = read_reach(value)
        self.set_reach(node, element, record)
        return record is not None

    def set_reach(self, node: str, element: str, record: ReachRecord | None) -> None:
        """``node`` has a session with the element; None: it has none."""
        if record is not None:
            self.reach.setdefault(element, {})[node] = record
            if record.load:
                self.loads[element] = record.load
        elif element in self.reach:
            self.reach[element].pop(node, None)
            if not self.reach[element]:
                del self.reach[element]

    def _maintenance(self, node: str, value: Any) -> bool:
        drain = value.get("drain") if type(value) is dict else None
        if drain is True:
            self.draining.add(node)
        else:
            self.draining.discard(node)
        return type(drain) is bool

    def _pin(self, element: str, value: Any) -> bool:
        node = value.get("node") if type(value) is dict else None
        if type(node) is str and node:
            self.pins[element] = node
        else:
            self.pins.pop(element, None)
        return type(node) is str
