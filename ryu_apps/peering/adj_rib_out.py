"""What this node announces, kept once for all peers (the Adj-RIB-Out of RFC 4271 section 3.2).

A peer's own share is the set of keys it has still to be told about; what there is to tell is looked
up here when it is sent.  So an announcement that is withdrawn before it left is a withdrawal, and
a slow peer costs at most one key a route.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence

from ryu_apps.control.routes import Attributes
from ryu_apps.peering.attributes import MPLS_TUNNELS, Session, pack_attributes
from ryu_apps.peering.nlri import pack_route
from ryu_apps.peering.update import pack_reach, pack_unreach


class AttributeSet:
    """Attributes shared by routes, and their bytes per kind of session, packed when first sent."""

    __slots__ = ("__weakref__", "_packed", "attrs", "pmsi")

    def __init__(self, attrs: Attributes, pmsi: tuple[int, str] | None) -> None:
        self.attrs, self.pmsi = attrs, pmsi
        self._packed: dict[tuple[bool, bool], tuple[bytes, bytes]] = {}

    def packed(self, session: Session) -> tuple[bytes, bytes]:
        kind = (session.ebgp, session.as4)
        if kind not in self._packed:
            self._packed[kind] = pack_attributes(self.attrs, self.pmsi, session)
        return self._packed[kind]


class AdjRibOut:
    """``routes``: key -> (NLRI, attributes)."""

    def __init__(self) -> None:
        self.routes: dict[bytes, tuple[bytes, AttributeSet]] = {}
        self._sets: weakref.WeakValueDictionary = weakref.WeakValueDictionary()

    def _set(self, attrs: tuple, pmsi: tuple[int, str] | None) -> AttributeSet:
        known = self._sets.get((attrs, pmsi))
        if known is None:
            known = self._sets[attrs, pmsi] = AttributeSet(Attributes(*attrs), pmsi)
        return known

    def announce(self, table: Sequence[tuple], items: Iterable[tuple]
                 ) -> tuple[list[bytes], list[str]]:
        """Take announcements; returns (keys that changed, why some were refused).

        ``table``: attributes; ``items``: (route type, NLRI fields, index into ``table``, labels,
        ESI, gateway).
        """
        changed: list[bytes] = []
        refused: list[str] = []
        routes = self.routes
        shared = [self._set(attrs, None) for attrs in table]
        mpls = [attrs[2] in MPLS_TUNNELS for attrs in table]
        for route_type, fields, index, labels, esi, gateway in items:
            try:
                key, nlri = pack_route(route_type, fields, labels, esi, gateway, mpls[index])
                if route_type == 3:
                    group = self._set(table[index], (labels[0], fields[2]))
                else:
                    group = shared[index]
            except (ValueError, OverflowError, IndexError, TypeError, AttributeError) as error:
                refused.append(f"{fields}: {error}")
                continue
            old = routes.get(key)
            if old is None or old[1] is not group or old[0] != nlri:
                routes[key] = (nlri, group)
                changed.append(key)
        return changed, refused

    def withdraw(self, items: Iterable[tuple]) -> list[bytes]:
        """``items``: (route type, NLRI fields).  Returns the keys that were there."""
        changed = []
        for route_type, fields in items:
            try:
                key, _ = pack_route(route_type, fields, (0,))
            except (ValueError, OverflowError, TypeError, AttributeError):
                continue  # it was refused when it was to be announced
            if self.routes.pop(key, None) is not None:
                changed.append(key)
        return changed

    def table(self) -> list[bytes]:
        """All keys, those of the same attributes together, so that they share UPDATEs."""
        return sorted(self.routes, key=lambda key: id(self.routes[key][1]))

    def messages(self, keys: Iterable[bytes], session: Session
                 ) -> tuple[list[bytes], int, int, list[str]]:
        """UPDATEs that tell the present state of ``keys``: (messages, announced, withdrawn, why
        some cannot be told)."""
        gone: list[bytes] = []
        groups: dict[AttributeSet, list[bytes]] = {}
        count = 0
        for key in keys:
            route = self.routes.get(key)
            if route is None:
                gone.append(key)
            else:
                count += 1
                groups.setdefault(route[1], []).append(route[0])
        out = pack_unreach(gone) if gone else []
        refused = []
        for group, nlris in groups.items():
            try:
                next_hop, attributes = group.packed(session)
                out += pack_reach(nlris, next_hop, attributes)
            except (ValueError, OverflowError, TypeError, AttributeError) as error:
                count -= len(nlris)
                refused.append(f"{len(nlris)} routes: {error}")
        return out, count, len(gone), refused
