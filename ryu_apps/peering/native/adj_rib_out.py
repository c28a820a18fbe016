"""What this node announces of a family, kept once for all peers (the Adj-RIB-Out of RFC 4271
section 3.2).

A peer's own share is the set of keys that are still to be sent to it; the routes are looked up here
when they are sent.  So an announcement that is withdrawn before it left is a withdrawal, and
a slow peer costs at most one key a route.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Sequence

from ryu_apps.control.routes import Attributes
from ryu_apps.peering.codec.attributes import SessionParameters, pack_attributes
from ryu_apps.peering.codec.families import FamilyCodec
from ryu_apps.peering.codec.messages import UNPACKABLE
from ryu_apps.peering.codec.update import pack_reach, pack_unreach
from vrouter_ovs.encapsulation import has_mpls_labels


class AttributeSet:
    """Attributes shared by routes, and their bytes per kind of session, packed when first sent."""

    __slots__ = ("__weakref__", "_packed", "attrs", "pmsi")

    def __init__(self, attrs: Attributes, pmsi: tuple[int, str] | None) -> None:
        self.attrs, self.pmsi = attrs, pmsi
        self._packed: dict[tuple[bool, bool], tuple[bytes, bytes]] = {}

    def packed(self, session: SessionParameters) -> tuple[bytes, bytes]:
        kind = (session.ebgp, session.as4)
        if kind not in self._packed:
            self._packed[kind] = pack_attributes(self.attrs, self.pmsi, session)
        return self._packed[kind]


class AdjRibOut:
    """``codec``: of its family.  ``routes``: key -> (NLRI, attributes).  ``refused``: how many
    announcements could not be packed; what such a one was to replace is withdrawn."""

    def __init__(self, codec: FamilyCodec) -> None:
        self.codec = codec
        self.routes: dict[bytes, tuple[bytes, AttributeSet]] = {}
        self.refused = 0
        self._sets: weakref.WeakValueDictionary = weakref.WeakValueDictionary()

    def _set(self, attrs: tuple, pmsi: tuple[int, str] | None) -> AttributeSet:
        attribute_set = self._sets.get((attrs, pmsi))
        if attribute_set is None:
            attribute_set = self._sets[attrs, pmsi] = AttributeSet(Attributes(*attrs), pmsi)
        return attribute_set

    def _shared(self, attrs: tuple) -> tuple[AttributeSet | None, bool]:
        """(the set, whether its labels have 20 bits); the set is None where these are none."""
        try:
            return self._set(attrs, None), has_mpls_labels(
                attrs[2] or self.codec.default_encaps)
        except UNPACKABLE:
            return None, False

    def announce(self, table: Sequence[tuple], items: Iterable[tuple]
                 ) -> tuple[list[bytes], list[str]]:
        """Take announcements; returns (keys that changed, why some were refused).

        ``table``: attributes; ``items``: (route type, NLRI fields, index into ``table``, labels,
        ESI, gateway).
        """
        changed: list[bytes] = []
        refused: list[str] = []
        routes, pack = self.routes, self.codec.pack
        p_tunnel_types = self.codec.p_tunnel_types
        shared = [self._shared(attrs) for attrs in table]
        for route_type, fields, index, labels, esi, gateway in items:
            try:
                group, mpls = shared[index]
                if group is None:
                    raise ValueError(f"no attributes: {table[index]!r}")
                key, nlri = pack(route_type, fields, labels, esi, gateway, mpls)
                if route_type in p_tunnel_types:
                    group = self._set(table[index], self.codec.p_tunnel(fields, labels))
            except UNPACKABLE as error:
                refused.append(f"{fields}: {error}")
                changed += self.withdraw([(route_type, fields)])
                continue
            old = routes.get(key)
            if old is None or old[1] is not group or old[0] != nlri:
                routes[key] = (nlri, group)
                changed.append(key)
        self.refused += len(refused)
        return changed, refused

    def withdraw(self, items: Iterable[tuple]) -> list[bytes]:
        """``items``: (route type, NLRI fields).  Returns the keys that were there."""
        changed = []
        for route_type, fields in items:
            try:
                key, _ = self.codec.pack(route_type, fields, (0,))
            except UNPACKABLE:
                continue  # it was refused when it was to be announced
            if self.routes.pop(key, None) is not None:
                changed.append(key)
        return changed

    def table(self) -> list[bytes]:
        """All keys, those of the same attributes together, so that they share UPDATEs."""
        return sorted(self.routes, key=lambda key: id(self.routes[key][1]))

    def messages(self, keys: Iterable[bytes], session: SessionParameters
                 ) -> tuple[list[bytes], int, int, list[str]]:
        """UPDATEs with the present state of ``keys``: (messages, announced, withdrawn, why some
        cannot be sent, one text for each of these).

        What cannot be sent is withdrawn: the peer may have an earlier state of it.
        """
        gone: list[bytes] = []
        groups: dict[AttributeSet, list[bytes]] = {}
        for key in keys:
            route = self.routes.get(key)
            if route is None:
                gone.append(key)
            else:
                groups.setdefault(route[1], []).append(key)
        out: list[bytes] = []
        count = 0
        refused: list[str] = []
        for group, members in groups.items():
            nlris = [self.routes[key][0] for key in members]
            try:
                next_hop, attributes = group.packed(session)
                out += pack_reach(self.codec, nlris, next_hop, attributes)
            except UNPACKABLE as error:
                gone += members
                refused += [f"route {nlri.hex()}: {error}" for nlri in nlris]
            else:
                count += len(nlris)
        if gone:
            out[:0] = pack_unreach(self.codec, gone)
        return out, count, len(gone), refused
