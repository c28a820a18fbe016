"""Shared addresses on the wire: announcements heard, ports asked, moves told.

The frames are made and read by pure helpers; what they mean is decided by the control core.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from typing import Any

from ryu_apps.control.messages import AddressSeen, Evidence, Probe, SendGratuitousArp, Subscriptions
from ryu_apps.southbound.services.base import Send, Service, SwitchPort
from ryu_apps.southbound.services.packet_in import PuntDispatcher
from vrouter_ovs.edge import EdgePort, PuntReason
from vrouter_ovs.proxies import arp, nd
from vrouter_ovs.proxies.packet import Answer

HOW = {
    "used": Evidence.USED, "answered": Evidence.ANSWERED, "announced": Evidence.ANNOUNCED,
}  # fmt: skip


def seen(post: Callable[[Any], None]) -> Service:
    """The service for :data:`~vrouter_ovs.edge.PuntReason.SEEN`: ``post`` takes an AddressSeen."""

    def service(frame: bytes, port: EdgePort, switch_port: SwitchPort) -> tuple[str, Answer]:
        protocol, read = ("arp", arp.sender) if frame[12:14] == b"\x08\x06" else ("nd", nd.target)
        mac, address, how = read(frame)
        post(AddressSeen(switch_port[0], port.port_id, mac, address, HOW[how]))
        return protocol, Answer((), how, address)

    return service


def services(post: Callable[[Any], None]) -> Mapping[int, Service]:
    """By reason."""
    return {PuntReason.SEEN: seen(post)}


def question(port: EdgePort, address: str) -> bytes:
    """What asks a port for an address, in the name of whoever answers in its subnet.

    An ARP request from that address, as a probe from 0.0.0.0 would make a host that is just
    checking the same address give it up (RFC 5227 section 2.1.1); outside of the port's subnets a
    host answers nothing else.  A solicitation from a link-local address for the same reason
    (RFC 4862 section 5.4.3).
    """
    if ":" in address:
        mac = port.gateway_mac or port.service_mac
        return nd.solicitation(address, mac)
    ip = ipaddress.IPv4Address(address)
    for lease in port.v4:
        if ip in ipaddress.IPv4Network(f"{lease.address}/{lease.prefix_length}", strict=False):
            return arp.request(address, lease.router_mac or port.service_mac, lease.server)
    return arp.request(address, port.gateway_mac or port.service_mac, "0.0.0.0")


class AddressSender:
    """``send`` as in :class:`~ryu_apps.southbound.services.packet_in.PuntDispatcher`, whose worker
    sends."""

    def __init__(self, punt: PuntDispatcher, send: Send) -> None:
        self._punt = punt
        self._send = send

    def subscriptions(self) -> Subscriptions:
        return {Probe: self.probe, SendGratuitousArp: self.send_gratuitous_arp}

    def probe(self, effect: Probe) -> None:
        self._punt.later(lambda: self._probe(effect))

    def send_gratuitous_arp(self, effect: SendGratuitousArp) -> None:
        self._punt.later(lambda: self._send_gratuitous_arp(effect))

    def _probe(self, effect: Probe) -> None:
        port = self._punt.current((effect.element, effect.ofport))
        if port is not None:
            self._send(effect.element, effect.ofport, question(port, effect.address))

    def _send_gratuitous_arp(self, effect: SendGratuitousArp) -> None:
        if ":" in effect.address:
            frame = nd.unsolicited(effect.address, effect.mac, effect.router)
        else:
            frame = arp.gratuitous(effect.address, effect.mac)
        for ofport in self._punt.ports_of(effect.element, effect.evi):
            if ofport != effect.holder_ofport:
                self._send(effect.element, ofport, frame)
