"""What comes and goes with an element that this node accepts."""

from __future__ import annotations

from ryu_apps.control import messages as msg
from ryu_apps.control.desired.confirmations import Confirmations
from ryu_apps.control.elements.admission import ElementAdmission, Refusals
from ryu_apps.control.elements.elements import Element
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.links.tunnels import Tunnels
from ryu_apps.control.local_paths import LocalPaths
from ryu_apps.control.membership.convergence import Convergence
from ryu_apps.control.membership.interfaces import ElementInterfaces
from ryu_apps.control.membership.own_records import OwnRecords
from ryu_apps.control.tables import Tables


class Acceptance:
    """Reads: elements and the owners' records.
    Marks: VTEPs that come or go, claims of elements that go, and their departure.
    Emits: AcceptElement and ReleaseElement, appended to ``effects``."""

    def __init__(
        self,
        tables: Tables,
        marks: Marks,
        local_paths: LocalPaths,
        tunnels: Tunnels,
        convergence: Convergence,
        interfaces: ElementInterfaces,
        effects: list,
    ) -> None:
        self._elements = tables.elements
        self._marks = marks
        self._local_paths = local_paths
        self._tunnels = tunnels
        self._convergence = convergence
        self.interfaces = interfaces
        self._effects = effects
        self.admission = ElementAdmission(tables.elements)
        self.refusals = Refusals(tables.elements, self.admission, effects)
        self.records = OwnRecords(tables.elements, self.refusals, effects)
        self._revisions: dict[str, int] = {}
        """Where the count of an element goes on that was forgotten: a late acknowledgement of its
        former channel must confirm nothing."""

    def enter(self, element: Element, now: float) -> None:
        """An element has joined that was not here, or was another vrouter."""
        name = element.info.element
        self.records.entered(name)
        element.joined = now
        self._convergence.joined(name)
        element.confirmations = Confirmations(self._revisions.pop(name, 0))
        self._marks.vteps.mark_all(element.info.vteps)

    def tell(self, session: int, info: msg.ElementInfo) -> None:
        """Have the southbound know that a session's element is accepted, and with which epoch."""
        self.refusals.look_again()
        self.refusals.touched.add(info.element)
        element = self._elements.accepted[info.element]
        owner = self._elements.ownership.owners[info.element]
        element.epoch = owner.epoch
        self._effects.append(msg.AcceptElement(session, info, owner.epoch))

    def forget(self, name: str, keep_record: bool = False) -> None:
        """Let an element go with all that it had: its ports, its paths, its vrouter.

        ``keep_record``: it is another node's now, and the record is of that.
        """
        self.records.left(name)
        self.refusals.look_again()
        self.refusals.touched.add(name)
        if not keep_record:
            self._local_paths.end_release(name)
            if name in self._elements.records:
                self.records.put(name, None)
        element = self._elements.accepted.get(name)
        if element is None:
            return
        self._revisions[name] = element.confirmations.revision
        self.interfaces.unknown_ports.changed(name, dict.fromkeys(element.interfaces).items(), 0.0)
        self._marks.claims.mark_all(self._elements.forget(name))
        self._tunnels.forget(element)
        self._marks.vteps.mark_all(element.info.vteps)
        self._marks.departures.mark(name)
        self._effects.append(msg.ReleaseElement(name))
