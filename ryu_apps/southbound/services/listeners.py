"""Multicast listeners on the wire: reports and queries heard, ports asked.

The frames are made and read by pure helpers; what they mean is decided by the control core.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ryu_apps.control.messages import GroupsReported, QuerierSeen, QueryGroups, Subscriptions
from ryu_apps.southbound.services.base import Send, Service, SwitchPort
from ryu_apps.southbound.services.packet_in import PuntDispatcher
from vrouter_ovs.edge import EdgePort, PuntReason
from vrouter_ovs.proxies import listeners
from vrouter_ovs.proxies.packet import Answer


def services(post: Callable[[Any], None]) -> Mapping[int, Service]:
    """By reason; ``post`` takes a GroupsReported or a QuerierSeen."""

    def heard(frame: bytes, port: EdgePort, switch_port: SwitchPort) -> tuple[str, Answer]:
        said = listeners.read(frame)
        if said.query is not None:
            post(QuerierSeen(switch_port[0], port.port_id, said.query))
            return said.protocol, Answer((), "query", said.query)
        if said.joined or said.left:
            post(GroupsReported(switch_port[0], port.port_id, said.joined, said.left))
        return said.protocol, Answer((), "report", "")

    return {PuntReason.LISTENER: heard}


class ListenerQuerier:
    """``send`` as in :class:`~ryu_apps.southbound.services.packet_in.PuntDispatcher`, whose worker
    sends."""

    def __init__(self, punt: PuntDispatcher, send: Send) -> None:
        self._punt = punt
        self._send = send

    def subscriptions(self) -> Subscriptions:
        return {QueryGroups: lambda effect: self._punt.later(lambda: self._query(effect))}

    def _query(self, effect: QueryGroups) -> None:
        port = self._punt.current((effect.element, effect.ofport))
        if port is not None:
            for frame in listeners.queries(port.service_mac, effect.response, effect.group):
                self._send(effect.element, effect.ofport, frame)
