"""What router advertisements have said to ports, and what of it has to be taken back.

Hosts keep a default route, a prefix or a resolver for hours or weeks after they were told of it.
So what is no longer true is advertised for a while with a lifetime of 0, whatever change made it so
(RFC 4861 sections 6.2.5 and 6.2.8, RFC 9096 section 3.5, RFC 8106 section 5.1).  What the ports of
a network are told is recorded in the store, so that a change is found which was made while this
node was away, or a hypervisor on its way from another.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from ryu_apps.control.messages import RecordStatus
from vrouter_ovs.edge import EdgePort, Item
from vrouter_ovs.proxies import ra

RECORDS = "/status/advertised/"
"""Then the name of the node, and the id of a network."""
PERIOD = 7200.0
"""Seconds: a host takes no valid lifetime below two hours for an address that it has (RFC 4862
section 5.5.3), so by then it has none of what was taken back."""
RECORDED = 64
"""Items of one network that are recorded at most."""
REMEMBERED = 64
"""Items that are taken back from one port at most, the latest."""
_LEFT: Item = ("left", "")


@dataclass(slots=True)
class _Port:
    """``gone``: item -> when it is forgotten, 0 until a tick has said what time it is."""

    network_id: str
    said: frozenset[Item] = frozenset()
    gone: dict[Item, float] = field(default_factory=dict)

    def known(self) -> set[Item]:
        return self.said | self.gone.keys() - {_LEFT}


class Advertised:
    def __init__(self) -> None:
        self._ports: dict[str, _Port] = {}
        """Bound ports, and those that have left lately: a switch that restarts is no new guest."""
        self._new: list[tuple[str, Item]] = []
        self._due: deque[tuple[float, str, Item]] = deque()
        """In the order of time, as all have the same period."""
        self._counts: dict[str, Counter[Item]] = {}
        """Network -> item -> how many ports know it."""
        self._touched: dict[str, None] = {}
        self._recorded: dict[str, list[Item]] = {}
        self._recalled: dict[str, frozenset[Item]] = {}
        self._forget_recalled = 0.0
        self._elsewhere: dict[str, dict[str, frozenset[Item]]] = {}
        """Network -> other node -> what its ports are told."""

    # ------------------------------------------------------------ ports

    def changed(self, port_id: str, new: EdgePort | None) -> EdgePort | None:
        """``new`` with what has to be taken back from the port; None: it has left."""
        old = self._ports.get(port_id)
        if new is None:
            if old is not None:
                self._set(port_id, replace(old, gone=self._aged(port_id, old, [_LEFT])))
            return None
        said = ra.said(new)
        if old is not None and old.network_id != new.network_id:
            self._set(port_id, None)
            old = None
        if old is None:
            # Who told it so far, nobody knows: this node before its start, or another.
            others = self._elsewhere.get(new.network_id, {}).values()
            advertised = self._recalled.get(new.network_id, frozenset()).union(*others)
            if not said and not advertised:
                return new
            old = _Port(new.network_id)
        else:
            advertised = old.said
        gone = self._aged(port_id, old, advertised - said)
        for item in (*said, _LEFT):
            gone.pop(item, None)
        for item in list(gone)[: max(0, len(gone) - REMEMBERED)]:
            del gone[item]
        self._set(port_id, _Port(new.network_id, said, gone))
        return replace(new, withdrawn=tuple(reversed(gone))) if gone else new

    def _aged(self, port_id: str, port: _Port, items: Iterable[Item]) -> dict[Item, float]:
        gone = dict(port.gone)
        for item in sorted(items):
            gone.pop(item, None)
            gone[item] = 0.0
            self._new.append((port_id, item))
        return gone

    def _set(self, port_id: str, new: _Port | None) -> None:
        old = self._ports.get(port_id)
        if new == old:
            return
        if new is not None:
            self._ports[port_id] = new
        else:
            del self._ports[port_id]
        for port, step in ((new, 1), (old, -1)):
            if port is None:
                continue
            counts = self._counts.setdefault(port.network_id, Counter())
            for item in port.known():
                counts[item] += step
                if counts[item] == (1 if step > 0 else 0):
                    self._touched[port.network_id] = None
                    if step < 0:
                        del counts[item]
            if not counts:
                del self._counts[port.network_id]

    def tick(self, now: float) -> list[str]:
        """Forget what was taken back for long enough; returns the ports that this changes."""
        for port_id, item in self._new:
            port = self._ports.get(port_id)
            if port is not None and port.gone.get(item) == 0.0:
                port.gone[item] = now + PERIOD
                self._due.append((now + PERIOD, port_id, item))
        self._new.clear()
        if self._recalled:
            self._forget_recalled = self._forget_recalled or now + PERIOD
            if now >= self._forget_recalled:
                self._touched.update(dict.fromkeys(self._recalled))
                self._recalled.clear()
        found: dict[str, None] = {}
        while self._due and self._due[0][0] <= now:
            until, port_id, item = self._due.popleft()
            port = self._ports.get(port_id)
            if port is None or port.gone.get(item) != until:
                continue
            if item == _LEFT:
                self._set(port_id, None)
                continue
            gone = {one: when for one, when in port.gone.items() if one != item}
            self._set(port_id, replace(port, gone=gone))
            found[port_id] = None
        return list(found)

    # ------------------------------------------------------------ records

    def recall(self, network_id: str, value: dict[str, Any] | None) -> None:
        """What this node had recorded of a network before it started."""
        items = _read(value)
        if items:
            self._recorded[network_id] = items
            self._recalled[network_id] = frozenset(items)

    def elsewhere(self, node: str, network_id: str, value: dict[str, Any] | None) -> None:
        """What another node has recorded of a network; None: nothing any more."""
        nodes = self._elsewhere.setdefault(network_id, {})
        items = _read(value)
        if items:
            nodes[node] = frozenset(items)
        else:
            nodes.pop(node, None)
        if not nodes:
            del self._elsewhere[network_id]

    def records(self, node: str) -> list[RecordStatus]:
        """What has to be written, as other things are said now."""
        found = []
        for network_id in self._touched:
            items = {*self._counts.get(network_id, ()), *self._recalled.get(network_id, ())}
            # A domain is a port's own and does no harm for as long as it lasts.
            recordable = sorted(item for item in items if item[0] != ra.DOMAIN)[:RECORDED]
            if recordable == self._recorded.get(network_id, []):
                continue
            if recordable:
                self._recorded[network_id] = recordable
                value = {"network": network_id, "items": [list(item) for item in recordable]}
            else:
                del self._recorded[network_id]
                value = None
            found.append(RecordStatus(f"{RECORDS}{node}/{network_id}", value))
        self._touched.clear()
        return found


def _read(value: dict[str, Any] | None) -> list[Item]:
    """The items of a record, without those that are none."""
    items = (value or {}).get("items")
    if not isinstance(items, list):
        return []
    read = [tuple(item) for item in items if isinstance(item, list) and len(item) == 2
            and all(isinstance(part, str) for part in item) and ra.is_item(*item)]  # fmt: skip
    return sorted(read)[:RECORDED]
