"""The contract of a southbound: how a node reaches the elements of one kind.

The control core decides which elements a node has and what they do; a southbound finds them,
introduces them by posting events of :mod:`ryu_apps.control.messages`, and carries out the effects
that concern them.  :mod:`ryu_apps.southbound.ovs` is the one for Open vSwitch.

The life of an element, as events (left) and effects (right) of that module tell it::

    ElementConnected(session, info)  ->  RefuseElement, later perhaps ReconsiderElement, or
                                         AcceptElement(session, info), Defer, Program ...
    VrouterConnected(element)            its vrouter can be programmed
    VrouterAcked, ObjectRefused      <-  Program: each revision is confirmed, in order
    VrouterDisconnected, ElementDisconnected
                                         it forwards on; what is desired stays
    MastershipLost                       it heeds a later owner: nothing is written
                                         AcceptElement with a higher epoch: written again
                                         ReleaseElement: this node has it no longer
    StandbyReady                     <-  RefuseElement(warm): another node has it

The controller thread carries out effects, so no method that takes one may wait.  An element that is
not accepted is not written to.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from ryu_apps.control import messages as msg

_numbers = itertools.count(1)


class NotConnected(Exception):
    """The vrouter of the element cannot be reached now."""


def new_session() -> int:
    """The number of a new session, which no other of this process has, of whatever kind."""
    return next(_numbers)


class VrouterQueries(Protocol):
    """What any thread may ask about vrouters.  Each call may raise KeyError for an element that is
    neither accepted here nor known warm; all but the first NotConnected, and TimeoutError after
    ``timeout`` seconds."""

    @abstractmethod
    def status(self, element: str) -> dict[str, Any]:
        """Connected, revisions, counters, what was refused."""

    @abstractmethod
    def flows(self, element: str, timeout: float = 20.0) -> list[dict[str, Any]]:
        """What the element's data plane has now, in words; ``cookie`` names the state object."""

    @abstractmethod
    def counters(self, element: str, timeout: float = 20.0) -> dict[int, tuple[int, int]]:
        """Cookie of a state object -> (packets, bytes) that it matched."""

    @abstractmethod
    def dropped(self, element: str, timeout: float = 20.0) -> dict[int, int]:
        """Meter -> packets that it dropped."""


class Southbound(VrouterQueries, ABC):
    """One for each kind of element.  ``kind``: that of its elements' :class:`Facts
    <ryu_apps.control.kinds.Facts>`."""

    kind: ClassVar[str]

    @abstractmethod
    def start(self) -> None:
        """Begin to serve.  Raises OSError and ValueError that say what is wrong."""

    @abstractmethod
    def stop(self) -> None:
        """End; no element is written to.  Idempotent."""

    # ------------------------------------------------------------ which elements

    @abstractmethod
    def accept(self, effect: msg.AcceptElement) -> None:
        """The session may configure its element; an older one of the element is closed.  Comes
        again when what the element says of itself has changed, and with a higher epoch after
        MastershipLost."""

    @abstractmethod
    def refuse(self, effect: msg.RefuseElement) -> None:
        """The session configures nothing; it says on what it has to say.  ``warm``: StandbyReady
        tells when the element could be taken over without reading it; comes again when what the
        element says of itself has changed."""

    @abstractmethod
    def reconsider(self, effect: msg.ReconsiderElement) -> None:
        """Post ElementConnected for the session again, which was refused or stood by."""

    @abstractmethod
    def release(self, effect: msg.ReleaseElement) -> None:
        """Leave the element as it is and drop what is asked of it.  Its session goes on and may be
        accepted again.  Where the element has several nodes (``epoch`` was not 0), what is known
        of it is kept for a moment: this node stands by if a warm refusal follows."""

    def expect(self, effect: msg.ExpectElement) -> None:
        """The element is about to come back; a southbound that bounds its connections keeps a
        place for it."""

    # ------------------------------------------------------------ what they do

    @abstractmethod
    def program(self, effect: msg.Program) -> None:
        """Change what is desired of the element's vrouter, whatever the targets of the objects.
        Confirmed by VrouterAcked of this revision or a later one."""

    @abstractmethod
    def defer(self, effect: msg.Defer) -> None:
        """Begin or end the deferral of the element, which is deferred from its acceptance on."""

    # ------------------------------------------------------------ any thread

    @abstractmethod
    def packet_out(self, element: str, port: int, frame: bytes) -> bool:
        """Send a frame out of a port of the element; never waits.  False: it was not sent."""

    def inject(
        self, element: str, in_port: int, table: str, registers: Mapping[str, int], frame: bytes
    ) -> bool:
        """Have the element's switch go on with a frame in a table of the pipeline, with these
        registers, as if it came in by ``in_port``, 0: by none; never waits.  False: it was not
        sent, also where elements of this kind have no such thing."""
        return False
