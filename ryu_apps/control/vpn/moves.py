"""Addresses that moved: to another MAC, or with their MAC to another VTEP.

Hosts remember for minutes which MAC an address has.  When that becomes wrong, the node tells the
ports of the network what the switches answer from now on: by a gratuitous ARP (RFC 5227 section 3)
or an unsolicited neighbor advertisement (RFC 4861 section 7.2.6), at once and again a second later.
An address that appears for the first time is no move.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ryu_apps.control.routes import Path
from ryu_apps.control.vpn.instances import Instances
from ryu_apps.control.vpn.rib import BestChange

Key = tuple[int, str]
"""(L2 VNI, address)."""
Place = tuple[str, str]
"""(MAC, VTEP)."""

REMEMBERED = 4096
"""Addresses that are nowhere now whose last place is known."""
PENDING = 4096
"""Moves that wait to be told."""
TIMES, INTERVAL = 2, 1.0
"""How often each is told, and the seconds between; an address is told no more often than that."""
BUDGET = 1000
"""Frames a second, of the whole node."""


class Moves:
    def __init__(self, instances: Instances) -> None:
        self._instances = instances
        self._was: dict[Key, Place] = {}
        self._due: dict[Key, tuple[float, int]] = {}
        """Address -> when it is told next at the earliest, and how often still."""
        self._spent = 0
        self._second = 0.0

    # ------------------------------------------------------------ what moved

    def may_be_one(self, key: Key) -> bool:
        """Whether a new route of an address may be a move: not where it is the only one."""
        return key in self._was or len(self._instances.by_vni[key[0]].ips.get(key[1], ())) > 1

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
        old, new = self._best(before), self._best(after)
        if new is None:
            if old is not None:
                self.left(key, _place(old))
        elif old is None:
            self.arrived(key, _place(new))
        else:
            self._moved(key, _place(old), _place(new))

    def _best(self, paths: Iterable[Path]) -> Path | None:
        return self._instances.best(paths)

    def left(self, key: Key, place: Place) -> None:
        """An address is nowhere now."""
        self._was.pop(key, None)
        self._was[key] = place
        if len(self._was) > REMEMBERED:
            del self._was[next(iter(self._was))]

    def arrived(self, key: Key, place: Place) -> None:
        """An address that was nowhere is somewhere."""
        was = self._was.pop(key, None)
        if was is not None:
            self._moved(key, was, place)

    def taken(self, key: Key, mac: str) -> None:
        """The network itself answers for an address from now on; the route of a port that had it
        may stand still."""
        instance = self._instances.by_vni.get(key[0])
        if instance is not None and instance.ips.get(key[1]):
            self.tell(key)
        self.arrived(key, (mac, ""))

    def given(self, key: Key, mac: str) -> None:
        """The network itself answers for an address no longer; a port may have it already."""
        self.left(key, (mac, ""))
        self.tell(key)

    def _moved(self, key: Key, old: Place, new: Place) -> None:
        self._was.pop(key, None)
        if old != new:
            self.tell(key)

    def tell(self, key: Key) -> None:
        """An address may have moved while nobody looked."""
        if key in self._due or len(self._due) < PENDING:
            at, _ = self._due.get(key, (0.0, 0))
            self._due[key] = at, TIMES

    # ------------------------------------------------------------ telling

    def due(self, now: float, cost: Callable[[Key], int]) -> list[Key]:
        """The addresses to tell of now.  ``cost``: how many frames that takes."""
        found: list[Key] = []
        if now - self._second >= INTERVAL:
            self._second, self._spent = now, 0
        for key, (at, left) in list(self._due.items()):
            if at > now:
                continue
            if not left:
                del self._due[key]
                continue
            if self._spent >= BUDGET:
                break
            self._spent += cost(key)
            self._due[key] = now + INTERVAL, left - 1
            found.append(key)
        return found


def _place(path: Path) -> Place:
    return path.nlri.mac, path.attrs.next_hop
