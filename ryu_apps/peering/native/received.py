"""What a neighbour sends, on its way to the node.

Received routes are not kept.  To hold ``max_prefixes`` and to count a repeated announcement once,
the hash of every received key is: 64 bits with Python's per-process secret, so a million routes
cost tens of megabytes less than their keys would, and a collision (about 1 in 10**7 at a million)
makes the count wrong by one and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ryu_apps.control.families import Family
from ryu_apps.peering.admission import RouteAdmission
from ryu_apps.peering.base import Peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.families import FAMILIES, family_bytes
from ryu_apps.peering.codec.messages import BgpError
from ryu_apps.peering.codec.nlri import DecodedRoute
from ryu_apps.peering.codec.update import Update

POST_AT_ONCE = 2000
"""Routes that a batch gathers."""


class Batch:
    """Of one family: route key -> what is posted to the node."""

    __slots__ = ("announced", "withdrawn")

    def __init__(self) -> None:
        self.announced: dict[bytes, tuple] = {}
        self.withdrawn: dict[bytes, tuple] = {}

    def __len__(self) -> int:
        return len(self.announced) + len(self.withdrawn)


class Received:
    """The batch that is gathered from a peer's UPDATEs, and how many prefixes the peer has.

    ``post`` takes a message to the node; ``log(level, text, limited=name)`` a line.
    """

    def __init__(self, peer: Peer, counters: Counter[str], post: Callable[[list], None],
                 log: Callable[..., None]) -> None:
        self._peer, self._counters = peer, counters
        self._post, self._log = post, log
        self.admission = RouteAdmission(peer)
        self._batches = {family: Batch() for family in peer.families}

    @property
    def prefixes(self) -> int:
        """How many the peer has announced and not withdrawn in this session."""
        return len(self.admission)

    def forget(self) -> None:
        """A session begins or is over: the peer has announced nothing."""
        self.admission.forget()

    def take(self, update: Update) -> None:
        """Take an UPDATE into the batch; raises BgpError (Cease/1) over ``max_prefixes``."""
        self._counters["updates_received"] += 1
        for part in (update.also, update):
            if part is not None:
                self._take(part)

    def _take(self, update: Update) -> None:
        peer, counters = self._peer, self._counters
        counters["routes_skipped"] += update.skipped
        for name, text in update.notes:
            counters[name] += 1
            self._log("warning", f"peer {peer.id}: {name.replace('_', ' ')}: {text}",
                      limited=f"{peer.id} {name}")
        for route in update.withdrawn:
            self._withdraw(update.unreach, route)
        for route in update.treated_as_withdrawn:
            self._withdraw(update.reach, route)
        for route in update.looped:
            counters["loops"] += 1
            if self.admission.has(update.reach, route.key):  # it replaces one that was no loop
                self._withdraw(update.reach, route)
        if update.announced:
            self._announce(update)
        if update.end_of_rib:
            self.flush()
            counters["end_of_rib_received"] += 1
            self._post(["eor", peer.id, update.unreach])
        elif sum(map(len, self._batches.values())) >= POST_AT_ONCE:
            self.flush()

    def _withdraw(self, family: Family, route: DecodedRoute) -> None:
        batch, key = self._batches[family], route.key
        batch.announced.pop(key, None)
        batch.withdrawn[key] = route[1:3]
        self.admission.drop(family, key)

    def _announce(self, update: Update) -> None:
        admission, peer, family = self.admission, self._peer, update.reach
        codec, announced = FAMILIES[family], self._batches[family].announced
        attrs, denial = admission.attributes(family, update.attrs)
        pmsi, terms = update.pmsi, admission.terms(attrs)
        if denial:
            admission.refused[denial] += len(update.announced)
            self._refuse(denial, update.announced[0])
        for route in update.announced:
            if denial:
                self._withdraw(family, route)
                continue
            reason = admission.take(codec, route, terms)
            if reason:
                self._withdraw(family, route)
                self._refuse(reason, route)
                continue
            key, route_type, fields, labels, esi, gateway = route
            announced[key] = (route_type, fields, attrs,
                              (pmsi,) if route_type in codec.p_tunnel_types else labels,
                              esi, gateway)
        if admission.weight > peer.max_prefixes:
            raise BgpError(wire.CEASE, 1,
                           family_bytes(family) + peer.max_prefixes.to_bytes(4, "big"),
                           f"more than {peer.max_prefixes}")

    def _refuse(self, reason: str, route: DecodedRoute) -> None:
        self._log("warning", f"peer {self._peer.id}: a route is refused, {reason}: type "
                  f"{route.route_type} {route.fields}", limited=f"{self._peer.id} {reason}")

    def flush(self) -> None:
        """Post the batches, one of a family each.  In one a route stands once in each list, and the
        withdrawals count as the earlier ones."""
        for family, batch in self._batches.items():
            if batch:
                self._flush(family, batch)
                self._batches[family] = Batch()

    def _flush(self, family: Family, batch: Batch) -> None:
        table: dict[tuple, int] = {}
        items = [(kind, fields, table.setdefault(attrs, len(table)), labels, esi, gateway)
                 for kind, fields, attrs, labels, esi, gateway in batch.announced.values()]
        self._counters["announcements_received"] += len(items)
        self._counters["withdrawals_received"] += len(batch.withdrawn)
        self._post(["paths", self._peer.id, family, list(table), items,
                    list(batch.withdrawn.values())])
