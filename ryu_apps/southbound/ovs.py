"""Hypervisors with Open vSwitch: a database that says who they are (OVSDB, RFC 7047) and a switch
that forwards (OpenFlow 1.4), behind one contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ryu_apps.control import messages as msg
from ryu_apps.control.kinds import OVS, datapath_id
from ryu_apps.southbound.base import Southbound
from ryu_apps.southbound.openflow.channels import OpenFlowChannels
from ryu_apps.southbound.ovsdb.sessions import OvsdbSessions
from vrouter_ovs.state import OVSDB

AWAY = 60.0
"""Seconds that a hypervisor which this node stands by may be away until it is forgotten."""


class OvsSouthbound(Southbound):
    """``ovsdb``: where hypervisors introduce themselves, and what is kept in their databases.
    ``openflow``: their switches' channels; the listener for them is the process's own."""

    kind: ClassVar[str] = OVS

    def __init__(self, ovsdb: OvsdbSessions, openflow: OpenFlowChannels) -> None:
        self._ovsdb = ovsdb
        self._openflow = openflow
        self._warm: dict[str, int] = {}
        """Element that this node stands by -> its session."""
        openflow.confirm = ovsdb.confirm
        ovsdb.standby_ended = lambda element: openflow.linger(element, AWAY)

    def start(self) -> None:
        self._ovsdb.start()

    def stop(self) -> None:
        self._ovsdb.stop()
        self._openflow.stop()

    # ------------------------------------------------------------ which elements

    def accept(self, effect: msg.AcceptElement) -> None:
        """Its switch is accepted as soon as the database says which one it is."""
        info = effect.info
        self._ovsdb.accept(effect.session, info.element, effect.epoch)
        self._warm.pop(info.element, None)
        number = datapath_id(info.facts)
        if number:
            self._openflow.accept(info.element, number, info.address, effect.epoch)

    def refuse(self, effect: msg.RefuseElement) -> None:
        """What is to be known warm is known by the session's replica and the switch's channel."""
        info = effect.info
        self._ovsdb.refuse(effect.session, effect.reason, effect.standby)
        number = datapath_id(info.facts)
        if effect.warm:
            self._warm[info.element] = effect.session
            if number:
                self._openflow.stand_by(info.element, number, info.address)
        elif self._warm.get(info.element) == effect.session:
            del self._warm[info.element]
            self._openflow.forget(info.element)

    def expect(self, effect: msg.ExpectElement) -> None:
        self._ovsdb.expect(effect.element, effect.address)

    def reconsider(self, effect: msg.ReconsiderElement) -> None:
        self._ovsdb.reconsider(effect.session)

    def release(self, effect: msg.ReleaseElement) -> None:
        self._openflow.release(effect.element)
        self._ovsdb.forget(effect.element)

    # ------------------------------------------------------------ what they do

    def program(self, effect: msg.Program) -> None:
        """Each target of Open vSwitch gets its part, and acknowledges it."""
        rows = effect.part(OVSDB)
        if len(rows) < len(effect.changes):
            self._openflow.program(effect)
        if rows:
            self._ovsdb.program(effect.element, effect.revision, rows)

    def defer(self, effect: msg.Defer) -> None:
        self._openflow.defer(effect.element, effect.deferred)
        self._ovsdb.defer(effect.element, effect.deferred)

    # ------------------------------------------------------------ any thread

    def packet_out(self, element: str, port: int, frame: bytes) -> bool:
        return self._openflow.packet_out(element, port, frame)

    def inject(
        self, element: str, in_port: int, table: str, registers: Mapping[str, int], frame: bytes
    ) -> bool:
        return self._openflow.inject(element, in_port, table, registers, frame)

    def status(self, element: str) -> dict[str, Any]:
        return self._openflow.status(element)

    def flows(self, element: str, timeout: float = 20.0) -> list[dict[str, Any]]:
        return self._openflow.flows(element, timeout)

    def counters(self, element: str, timeout: float = 20.0) -> dict[int, tuple[int, int]]:
        return self._openflow.counters(element, timeout)

    def dropped(self, element: str, timeout: float = 20.0) -> dict[int, int]:
        return self._openflow.dropped(element, timeout)
