"""The node's own BGP paths: each belongs to an owner (a port, an EVI or a VRF on a vrouter)."""

from __future__ import annotations

from collections.abc import Iterable

from ryu_apps.control.messages import Announce, Withdraw
from ryu_apps.control.routes import Nlri, Path
from ryu_apps.control.vpn.rib import LOCAL, BestChange, Rib

Owner = tuple
"""("port", id), ("evi", element, VNI) or ("vrf", element, VNI)."""


class Publisher:
    def __init__(self, rib: Rib) -> None:
        self._rib = rib
        self._paths: dict[Owner, tuple[Path, ...]] = {}
        self._owner: dict[Nlri, Owner] = {}
        self._out: dict[Nlri, Path | None] = {}
        self.released: dict[Nlri, str] = {}
        """What is not our own any longer and peers have still -> what the RIB calls its source."""

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

    def retract(self, source: str) -> list[BestChange]:
        """What was released to ``source`` is over, for peers too."""
        gone = [nlri for nlri, of in self.released.items() if of == source]
        for nlri in gone:
            del self.released[nlri]
        self._out.update(dict.fromkeys(gone))
        changes: list[BestChange] = []
        for family in self._rib.stale_families(source):
            changes += self._rib.end_of_rib(source, family)
        return changes

    def flush(self) -> list[Withdraw | Announce]:
        """What peers must hear since the last flush."""
        if not self._out:
            return []
        out, self._out = self._out, {}
        gone = tuple(nlri for nlri, path in out.items() if path is None)
        fresh = tuple(path for path in out.values() if path is not None)
        effects: list[Withdraw | Announce] = []
        if gone:
            effects.append(Withdraw(gone))
        if fresh:
            effects.append(Announce(fresh))
        return effects
