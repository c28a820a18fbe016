"""What a neighbour sends, on its way to the node.

Received routes are not kept.  To hold ``max_prefixes`` and to count a repeated announcement once,
the hash of every received key is: 64 bits with Python's per-process secret, so a million routes
cost tens of megabytes less than their keys would, and a collision (about 1 in 10**7 at a million)
makes the count wrong by one and nothing else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from ryu_apps.peering.admission import Admission
from ryu_apps.peering.base import Peer
from ryu_apps.peering.codec import messages as wire
from ryu_apps.peering.codec.messages import BgpError
from ryu_apps.peering.codec.nlri import Route
from ryu_apps.peering.codec.update import Update

POST_AT_ONCE = 2000
"""Routes that a batch gathers."""


class Received:
    """The batch that is gathered from a peer's UPDATEs, and how many prefixes the peer has.

    ``post`` takes a message to the node; ``log(level, text, limited=name)`` a line.
    """

    def __init__(self, peer: Peer, counters: Counter[str], post: Callable[[list], None],
                 log: Callable[..., None]) -> None:
        self._peer, self._counters = peer, counters
        self._post, self._log = post, log
        self.admission = Admission(peer)
        self._announced: dict[bytes, tuple] = {}
        self._withdrawn: dict[bytes, tuple] = {}

    @property
    def prefixes(self) -> int:
        """How many the peer has announced and not withdrawn in this session."""
        return len(self.admission)

    def forget(self) -> None:
        """A session begins or is over: the peer has announced nothing."""
        self.admission.forget()

    def take(self, update: Update) -> None:
        """Take an UPDATE into the batch; raises BgpError (Cease/1) over ``max_prefixes``."""
        peer, counters = self._peer, self._counters
        counters["updates_received"] += 1
        counters["routes_skipped"] += update.skipped
        for name, text in update.notes:
            counters[name] += 1
            self._log("warning", f"peer {peer.id}: {name.replace('_', ' ')}: {text}",
                      limited=f"{peer.id} {name}")
        announced, withdrawn = self._announced, self._withdrawn
        for route in update.withdrawn:
            self._withdraw(route)
        for route in update.looped:
            counters["loops"] += 1
            if route.key in self.admission:  # it replaces one that was no loop
                self._withdraw(route)
        if update.announced:
            self._announce(update)
        if update.end_of_rib:
            self.flush()
            counters["end_of_rib_received"] += 1
            self._post(["eor", peer.id])
        elif len(announced) + len(withdrawn) >= POST_AT_ONCE:
            self.flush()

    def _withdraw(self, route: Route) -> None:
        key = route.key
        self._announced.pop(key, None)
        self._withdrawn[key] = route[1:3]
        self.admission.drop(key)

    def _announce(self, update: Update) -> None:
        admission, peer, announced = self.admission, self._peer, self._announced
        attrs, objection = admission.attributes(update.attrs)
        pmsi, terms = update.pmsi, admission.terms(attrs)
        if objection:
            admission.refused[objection] += len(update.announced)
            self._refuse(objection, update.announced[0])
        for route in update.announced:
            if objection:
                self._withdraw(route)
                continue
            reason = admission.take(route, terms)
            if reason:
                self._withdraw(route)
                self._refuse(reason, route)
                continue
            key, route_type, fields, labels, esi, gateway = route
            announced[key] = (route_type, fields, attrs,
                              (pmsi,) if route_type == 3 else labels, esi, gateway)
        if admission.weight > peer.max_prefixes:
            raise BgpError(wire.CEASE, 1,
                           b"\x00\x19\x46" + peer.max_prefixes.to_bytes(4, "big"),
                           f"more than {peer.max_prefixes}")

    def _refuse(self, reason: str, route: Route) -> None:
        self._log("warning", f"peer {self._peer.id}: a route is refused, {reason}: type "
                  f"{route.route_type} {route.fields}", limited=f"{self._peer.id} {reason}")

    def flush(self) -> None:
        """Post the batch.  In it a route stands once in each list, and the withdrawals count as the
        earlier ones."""
        announced, withdrawn = self._announced, self._withdrawn
        if not announced and not withdrawn:
            return
        table: dict[tuple, int] = {}
        items = [(kind, fields, table.setdefault(attrs, len(table)), labels, esi, gateway)
                 for kind, fields, attrs, labels, esi, gateway in announced.values()]
        self._counters["announcements_received"] += len(items)
        self._counters["withdrawals_received"] += len(withdrawn)
        self._post(["paths", self._peer.id, list(table), items, list(withdrawn.values())])
        self._announced, self._withdrawn = {}, {}
