"""A southbound of another kind than Open vSwitch, whole and small: elements in this process.

A *loop* element has what it was programmed with in a dict.  It has no database, no switch and
nothing that :class:`~ryu_apps.control.kinds.OvsFacts` tells.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from ryu_apps.control import messages as msg
from ryu_apps.control.kinds import Facts
from ryu_apps.southbound.base import NotConnected, Southbound, new_session
from vrouter_ovs.cookies import cookie
from vrouter_ovs.state import Key, StateObject


@dataclass(frozen=True, slots=True)
class LoopFacts(Facts):
    kind: ClassVar[str] = "loop"


@dataclass
class LoopElement:
    """``ports``: what is plugged in, number -> port id.  ``refusal``: for each session of it that
    may not join, why."""

    info: msg.ElementInfo
    ports: dict[int, str]
    session: int = 0
    accepted: bool = False
    deferred: bool = True
    connected: bool = False
    revision: int = 0
    objects: dict[Key, StateObject] = field(default_factory=dict)
    sent: list[tuple[int, bytes]] = field(default_factory=list)
    refusal: str = ""


class LoopSouthbound(Southbound):
    """``refused``: keys of objects that no element of this kind can have."""

    kind: ClassVar[str] = LoopFacts.kind

    def __init__(self, post: Callable[[object], None], refused: Iterable[Key] = ()) -> None:
        self.elements: dict[str, LoopElement] = {}
        self._post = post
        self._refused = frozenset(refused)
        self._lock = threading.Lock()

    def start(self) -> None:
        """There is nobody to listen to."""

    def stop(self) -> None:
        for element in self.elements.values():
            element.connected = False

    # ------------------------------------------------------------ elements

    def join(self, name: str, vtep: str, ports: dict[int, str]) -> LoopElement:
        """A new element introduces itself."""
        info = msg.ElementInfo(name, f"loop-{name}", vtep, f"id-{name}", "127.0.0.1", LoopFacts())
        element = self.elements[name] = LoopElement(info, ports, new_session())
        self._introduce(element)
        return element

    def _introduce(self, element: LoopElement) -> None:
        rows = tuple(
            msg.Interface(f"loop{number}", port, number) for number, port in element.ports.items()
        )
        self._post(msg.ElementConnected(element.session, element.info, rows, ()))

    def _of_session(self, session: int) -> LoopElement:
        return next(one for one in self.elements.values() if one.session == session)

    def accept(self, effect: msg.AcceptElement) -> None:
        element = self._of_session(effect.session)
        element.accepted, element.connected, element.refusal = True, True, ""
        self._post(msg.VrouterConnected(effect.info.element))

    def refuse(self, effect: msg.RefuseElement) -> None:
        self._of_session(effect.session).refusal = effect.reason

    def reconsider(self, effect: msg.ReconsiderElement) -> None:
        self._introduce(self._of_session(effect.session))

    def release(self, effect: msg.ReleaseElement) -> None:
        self.elements[effect.element].accepted = False

    # ------------------------------------------------------------ what they do

    def program(self, effect: msg.Program) -> None:
        element = self.elements[effect.element]
        with self._lock:
            for key, item in effect.changes:
                if item is not None and key in self._refused:
                    self._post(msg.ObjectRefused(effect.element, key, "no", effect.revision))
                elif item is not None:
                    element.objects[key] = item
                elif not element.deferred:
                    element.objects.pop(key, None)
            element.revision = effect.revision
        self._post(msg.VrouterAcked(effect.element, effect.revision))

    def defer(self, effect: msg.Defer) -> None:
        self.elements[effect.element].deferred = effect.deferred

    # ------------------------------------------------------------ any thread

    def packet_out(self, element: str, port: int, frame: bytes) -> bool:
        self.elements[element].sent.append((port, frame))
        return True

    def status(self, element: str) -> dict[str, Any]:
        one = self.elements[element]
        return {"connected": one.connected, "revision": one.revision}

    def flows(self, element: str, timeout: float = 20.0) -> list[dict[str, Any]]:
        one = self.elements[element]
        if not one.connected:
            raise NotConnected(element)
        with self._lock:
            return [{"cookie": cookie(key)} for key in one.objects]

    def counters(self, element: str, timeout: float = 20.0) -> dict[int, tuple[int, int]]:
        return {flow["cookie"]: (1, 60) for flow in self.flows(element)}

    def dropped(self, element: str, timeout: float = 20.0) -> dict[int, int]:
        self.flows(element)
        return {}
