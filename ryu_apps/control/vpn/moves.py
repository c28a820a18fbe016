"""Addresses that moved: to another MAC, or with their MAC to another VTEP.

Hosts remember for minutes which MAC an address has.  When that becomes wrong, the node notifies the
ports of the network of what the switches answer from now on: by a gratuitous ARP (RFC 5227
section 3) or an unsolicited neighbor advertisement (RFC 4861 section 7.2.6), at once and again a
second later.  An address that appears for the first time is no move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ryu_apps.control.routes import Path
from ryu_apps.control.vpn.instances import Instances
from ryu_apps.control.vpn.rib import BestChange

Key = tuple[int, str]
"""(L2 VNI, address)."""
Location = tuple[str, str]
"""(MAC, VTEP)."""

REMEMBERED = 4096
"""Addresses without a location now whose last one is remembered."""
PENDING = 4096
"""Moves that wait for their notifications."""
TIMES, INTERVAL = 2, 1.0
"""Notifications of each move, and the seconds between two of one address."""
BUDGET = 1000
"""Frames a second, of the whole node."""


class MoveNotifier:
    """Which addresses have moved, and when the ports of their network are notified."""

    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self._last: dict[Key, Location] = {}
        """Address without a location -> its last one."""
        self._due: dict[Key, tuple[float, int]] = {}
        """Address -> when its next notification may leave, and how many are left."""
        self._spent = 0
        self._second = 0.0

    # ------------------------------------------------------------ what moved

    def may_be_move(self, key: Key) -> bool:
        """Whether a new route of an address may be a move: not where it is the only one."""
        vni, address = key
        return key in self._last or len(self._instances.by_vni[vni].ips.get(address, ())) > 1

    def apply_best_changes(self, key: Key, changes: Iterable[BestChange]) -> None:
        """The MAC/IP routes of an address changed; the instance's tables know that already."""
        instance = self._instances.by_vni[key[0]]
        after = instance.ips.get(key[1], ())
        fresh = [change.new for change in changes if change.new is not None]
        before = [path for path in after if path not in fresh]
        before += [
            change.old
            for change in changes
            if change.old is not None
            and key[0] in self._instances.importing(change.old.attrs.rts)
        ]
        old, new = self._instances.best(before), self._instances.best(after)
        if new is None:
            if old is not None:
                self.withdrawn(key, _location(old))
        elif old is None:
            self.appeared(key, _location(new))
        else:
            self._moved(key, _location(old), _location(new))

    def withdrawn(self, key: Key, location: Location) -> None:
        """No route and no gateway has an address any more."""
        self._last.pop(key, None)
        self._last[key] = location
        if len(self._last) > REMEMBERED:
            del self._last[next(iter(self._last))]

    def appeared(self, key: Key, location: Location) -> None:
        """An address has a location that had none."""
        previous = self._last.pop(key, None)
        if previous is not None:
            self._moved(key, previous, location)

    def taken_by_network(self, key: Key, mac: str) -> None:
        """The network itself answers for an address from now on; the route of a port that had it
        may stand still."""
        instance = self._instances.by_vni.get(key[0])
        if instance is not None and instance.ips.get(key[1]):
            self.notify(key)
        self.appeared(key, (mac, ""))

    def released_by_network(self, key: Key, mac: str) -> None:
        """The network itself answers for an address no longer; a port may have it already."""
        self.withdrawn(key, (mac, ""))
        self.notify(key)

    def _moved(self, key: Key, old: Location, new: Location) -> None:
        self._last.pop(key, None)
        if old != new:
            self.notify(key)

    def notify(self, key: Key) -> None:
        """An address may have moved: its network's ports are notified."""
        if key in self._due or len(self._due) < PENDING:
            at, _ = self._due.get(key, (0.0, 0))
            self._due[key] = at, TIMES

    # ------------------------------------------------------------ notifications

    def due(self, now: float, cost: Callable[[Key], int]) -> list[Key]:
        """The addresses of which ports are notified now.  ``cost``: how many frames that takes."""
        due: list[Key] = []
        if now - self._second >= INTERVAL:
            self._second, self._spent = now, 0
        for key, (at, remaining) in list(self._due.items()):
            if at > now:
                continue
            if not remaining:
                del self._due[key]
                continue
            if self._spent >= BUDGET:
                break
            self._spent += cost(key)
            self._due[key] = now + INTERVAL, remaining - 1
            due.append(key)
        return due


def _location(path: Path) -> Location:
    return path.nlri.mac, path.attrs.next_hop
