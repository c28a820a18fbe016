"""The node's own BGP paths: each belongs to an owner (a port, an EVI or a VRF on a vrouter)."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from ryu_apps.control.messages import Announce, Withdraw
from ryu_apps.control.routes import Attributes, Imet, Nlri, Path
from ryu_apps.control.vpn.rib import LOCAL, BestChange, Rib

Owner = tuple
"""("port", id), ("evi", element, VNI) or ("vrf", element, VNI)."""


class Publisher:
    def __init__(self, rib: Rib) -> None:
        self._rib = rib
        self._paths: dict[Owner, tuple[Path, ...]] = {}
        self._owner: dict[Nlri, Owner] = {}
        self._out: dict[Nlri, Path | None] = {}
        self._withdrawn: list[Nlri] = []
        """What is announced by another name now."""
        self._next_hops: dict[str, str] = {}
        """VTEP by which nodes know a vrouter -> the address that is announced instead."""
        self.released: dict[Nlri, str] = {}
        """What is not our own any longer and is kept all the same -> what the RIB calls its
        source."""
        self.unannounced: set[str] = set()
        """Those of these sources that peers do not have from this node."""

    def get(self, owner: Owner) -> tuple[Path, ...]:
        return self._paths.get(owner, ())

    def owner(self, nlri: Nlri) -> Owner | None:
        """Who announces an NLRI here."""
        return self._owner.get(nlri)

    def owners(self) -> dict[Owner, tuple[Path, ...]]:
        return self._paths

    def put(self, owner: Owner, paths: tuple[Path, ...]) -> list[BestChange]:
        """Set all paths of an owner; returns what changed in the RIB.

        An NLRI that another owner has announced is taken over from it: two ports may have exchanged
        their addresses, and the first of them is published before the other.
        """
        old = self._paths.get(owner, ())
        if old == paths:
            return []
        for path in paths:
            holder = self._owner.setdefault(path.nlri, owner)
            if holder != owner:
                self._owner[path.nlri] = owner
                left = tuple(one for one in self._paths[holder] if one.nlri != path.nlri)
                if left:
                    self._paths[holder] = left
                else:
                    del self._paths[holder]
        if paths:
            self._paths[owner] = paths
        else:
            del self._paths[owner]
        if not old:
            gone, fresh = [], list(paths)
        elif not paths:
            gone, fresh = [path.nlri for path in old], []
        else:
            kept = {path.nlri for path in paths}
            gone = [path.nlri for path in old if path.nlri not in kept]
            before = set(old)
            fresh = [path for path in paths if path not in before]
        for nlri in gone:
            del self._owner[nlri]
            self._out[nlri] = None
        for path in fresh:
            self._out[path.nlri] = path
        changes = self._rib.update(LOCAL, fresh, gone)
        changes += self._rib.drop_superseded(gone)
        for path in fresh if self.released else ():
            if source := self.released.pop(path.nlri, None):
                changes += self._rib.drop_stale(source, [path.nlri])  # It is ours again.
        return changes

    def release(self, owners: Iterable[Owner], source: str) -> list[BestChange]:
        """These owners' paths are no longer our own.  Peers are not told, and in the RIB they go on
        as stale ones of ``source``."""
        paths = [path for owner in owners for path in self._paths.pop(owner, ())]
        for path in paths:
            del self._owner[path.nlri]
            self.released[path.nlri] = source
        changes = self._rib.update(source, paths) if paths else []
        changes += self._rib.peer_down(source)
        return changes + self._rib.update(LOCAL, withdrawn=[path.nlri for path in paths])

    def unannounce(self, source: str) -> None:
        """Take back what was released to ``source``, and keep it here."""
        if source not in self.unannounced:
            self.unannounced.add(source)
            self._out.update((nlri, None) for nlri, of in self.released.items() if of == source)

    def retract(self, source: str) -> list[BestChange]:
        """What was released to ``source`` is over, for peers too."""
        gone = [nlri for nlri, of in self.released.items() if of == source]
        self._take_back(source, gone)
        self.unannounced.discard(source)
        changes: list[BestChange] = []
        for family in self._rib.stale_families(source):
            changes += self._rib.end_of_rib(source, family)
        return changes + self._rib.drop_superseded(gone)

    def retract_some(self, source: str, nlris: list[Nlri]) -> list[BestChange]:
        """As :meth:`retract`, of these alone."""
        self._take_back(source, nlris)
        return self._rib.drop_stale(source, nlris) + self._rib.drop_superseded(nlris)

    def _take_back(self, source: str, nlris: list[Nlri]) -> None:
        for nlri in nlris:
            del self.released[nlri]
        if source not in self.unannounced:
            self._out.update(dict.fromkeys(nlris))

    # ------------------------------------------------------------ next hops

    def next_hop(self, vtep: str) -> str:
        """The address that is announced for a vrouter of ours."""
        return self._next_hops.get(vtep, vtep)

    def set_next_hop(self, vtep: str, address: str) -> None:
        """Announce the routes of the vrouter ``vtep`` with the next hop ``address``.  All else of
        them stays as it is; only its flood routes are named by the address (RFC 7432 section
        7.3), where others send copies to."""
        if address == self.next_hop(vtep):
            return
        paths = [
            path for owned in self._paths.values() for path in owned
            if path.attrs.next_hop == vtep and self._out.get(path.nlri, path) is not None
        ]
        self._withdrawn += [
            self._named(path.nlri) for path in paths if type(path.nlri) is Imet
        ]
        if address == vtep:
            del self._next_hops[vtep]
        else:
            self._next_hops[vtep] = address
        self._out.update((path.nlri, path) for path in paths)

    def _named(self, nlri: Nlri) -> Nlri:
        if type(nlri) is Imet and nlri.ip in self._next_hops:
            return nlri._replace(ip=self._next_hops[nlri.ip])
        return nlri

    def as_announced(self, path: Path) -> Path:
        """A path of ours as peers hear it."""
        address = self._next_hops.get(path.attrs.next_hop)
        if address is None:
            return path
        return path._replace(
            nlri=self._named(path.nlri), attrs=_with_next_hop(path.attrs, address)
        )

    # ------------------------------------------------------------ what peers hear

    def flush(self) -> list[Withdraw | Announce]:
        """What peers must hear since the last flush."""
        if not self._out and not self._withdrawn:
            return []
        out, self._out = self._out, {}
        renamed, self._withdrawn = self._withdrawn, []
        gone = *renamed, *(self._named(nlri) for nlri, path in out.items() if path is None)
        fresh = tuple(path for path in out.values() if path is not None)
        if self._next_hops:
            fresh = tuple(map(self.as_announced, fresh))
        effects: list[Withdraw | Announce] = []
        if gone:
            effects.append(Withdraw(gone))
        if fresh:
            effects.append(Announce(fresh))
        return effects


@lru_cache(maxsize=65536)
def _with_next_hop(attrs: Attributes, address: str) -> Attributes:
    # One shared value for all paths with the same attributes: they pack into one UPDATE.
    return attrs._replace(next_hop=address)
