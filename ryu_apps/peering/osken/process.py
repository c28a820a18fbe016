"""The process of :class:`ryu_apps.peering.osken.engine.OskenEngine`; same messages as
:mod:`ryu_apps.peering.native.process`."""

from __future__ import annotations

import eventlet

eventlet.monkey_patch()

import json  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402

import msgpack  # noqa: E402
from os_ken.lib.packet import bgp  # noqa: E402
from os_ken.services.protocols.bgp.base import BGPSException  # noqa: E402
from os_ken.services.protocols.bgp.bgpspeaker import (  # noqa: E402
    RF_L2_EVPN,
    BGPSpeaker,
)

from ryu_apps.control.families import EVPN, Family  # noqa: E402
from ryu_apps.control.graceful_restart import Negotiated  # noqa: E402
from ryu_apps.control.routes import Attributes  # noqa: E402
from ryu_apps.peering.admission import RouteAdmission  # noqa: E402
from ryu_apps.peering.base import Peer  # noqa: E402
from ryu_apps.peering.codec.attributes import SessionParameters, parse_attributes  # noqa: E402
from ryu_apps.peering.codec.families import FAMILIES  # noqa: E402
from ryu_apps.peering.codec.messages import BgpError  # noqa: E402
from ryu_apps.peering.codec.nlri import pack_ip  # noqa: E402

SETTLE = 0.2
"""Seconds between an addition and the deletion of the same route."""
_CODEC = FAMILIES[EVPN]
_TYPES = {2: "mac_ip_adv", 3: "multicast_etag", 5: "ip_prefix"}


class Core:
    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.speaker: BGPSpeaker | None = None
        self.config: dict = {}
        self.session = SessionParameters(0, "", False, True)
        self.vrfs: dict[str, tuple] = {}
        self.peers: dict[str, dict] = {}
        self.admissions: dict[str, RouteAdmission] = {}
        self.up: set[str] = set()
        self.out = eventlet.queue.LightQueue()

    # -- to the node

    def writer(self) -> None:
        while True:
            self.sock.sendall(msgpack.packb(self.out.get()))

    def post(self, *message) -> None:
        self.out.put(message)

    def _id(self, address: str) -> str:
        return next((name for name, peer in self.peers.items()
                     if peer["address"] == address), address)

    def _peer_up(self, address: str, asn: int) -> None:
        self.up.add(address)
        self.post("up", self._id(address), {
            "remote_as": asn, "address": address}, [(EVPN, Negotiated())])

    def _peer_down(self, address: str, asn: int) -> None:
        if address in self.up:
            self.up.discard(address)
            if self._id(address) in self.admissions:
                self.admissions[self._id(address)].forget()
            self.post("down", self._id(address), "session ended")

    def _received(self, event, address: str, asn: int) -> None:
        try:
            route = next(_CODEC.unpack(bytes(event.path.nlri.serialize()), False), None)
        except BgpError as error:
            self.post("log", "warning", f"peer {address}: {error}")
            return
        if route is None:
            return
        _, kind, fields, labels, esi, gateway = route
        gone = [(kind, fields)]
        admission = self.admissions.get(self._id(address))
        attrs, pmsi = (None, None) if event.is_withdraw else self._attributes(event.path, asn)
        if attrs is None or admission is None or (kind == 3 and pmsi is None):
            if admission is not None:
                admission.drop(EVPN, route.key)
            self.post("paths", self._id(address), EVPN, [], [], gone)
            return
        attrs, reason = admission.attributes(EVPN, attrs)
        reason = reason or admission.take(_CODEC, route, admission.terms(attrs))
        if reason:
            self.post("log", "warning", f"peer {address}: a route is refused, {reason}: {fields}")
            self.post("paths", self._id(address), EVPN, [], [], gone)
            return
        self.post("paths", self._id(address), EVPN, [attrs], [
            (kind, fields, 0, (pmsi,) if kind == 3 else labels, esi, gateway)], [])

    def _attributes(self, path, asn: int) -> tuple[tuple | None, int | None]:
        """What our own parser makes of the attributes that it understands best as bytes."""
        attributes = path.pathattr_map
        raw, as_path = [], ()
        for kind, attribute in attributes.items():
            if kind == bgp.BGP_ATTR_TYPE_AS_PATH:
                as_path = tuple(n for segment in attribute.path_seg_list for n in segment)
            elif kind not in (bgp.BGP_ATTR_TYPE_MP_REACH_NLRI, bgp.BGP_ATTR_TYPE_NEXT_HOP):
                data = bytes(attribute.serialize())
                raw.append((data[0] & 0xE0, kind, data[4 if data[0] & 0x10 else 3 :]))
        raw.append((0x40, 2, b""))
        session = self.session._replace(ebgp=asn != self.session.local_as)
        parsed = parse_attributes(raw, pack_ip(path.nexthop), session)
        if parsed.attrs is None or session.local_as in as_path:
            return None, None
        return tuple(Attributes(*parsed.attrs)._replace(as_path=as_path)), parsed.pmsi

    # -- from the node

    def init(self, config: dict) -> None:
        self.config = config
        self.session = SessionParameters(config["local_as"], config["router_id"], False, True)
        listen = [tuple(pair) for pair in config["listen"]]
        host, port = listen[0] if listen else ("", 0)
        if port == 0 and listen:
            with socket.socket() as probe:
                probe.bind((host, 0))
                port = probe.getsockname()[1]
        if listen:
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind((host, port))
                except OSError as error:
                    why = f"cannot listen for BGP on {host}:{port}: {error.strerror or error}"
                    self.post("failed", why)
                    return
        if len(listen) > 1:
            self.post("log", "warning", f"os-ken listens on one address only: {host}")
        self.speaker = BGPSpeaker(
            config["local_as"], config["router_id"], bgp_server_hosts=[host] if host else [],
            bgp_server_port=port, adj_rib_in_change_handler=self._received,
            peer_up_handler=self._peer_up, peer_down_handler=self._peer_down)
        self.post("started", [(host, port)] if listen else [])

    def _vrf(self, rd: str, targets: tuple) -> None:
        if rd not in self.vrfs:
            self.vrfs[rd] = targets
            self.speaker.vrf_add(rd, list(targets), list(targets), route_family=RF_L2_EVPN)
        elif self.vrfs[rd] != targets:
            self.post("log", "warning", f"os-ken keeps the route targets {self.vrfs[rd]} of {rd}")

    @staticmethod
    def _arguments(kind: int, fields: tuple) -> dict:
        base = {"route_type": _TYPES[kind], "route_dist": fields[0], "ethernet_tag_id": fields[1]}
        if kind == 2:
            return base | {"esi": 0, "mac_addr": fields[2], "ip_addr": fields[3] or None}
        if kind == 3:
            return base | {"ip_addr": fields[2]}
        return base | {"esi": 0, "ip_prefix": fields[2]}

    def announce(self, family: Family, table: tuple, items: tuple) -> None:
        if family != EVPN:
            return  # That it is not spoken, :meth:`add` has said.
        for kind, fields, index, labels, _, gateway in items:
            attrs = Attributes(*table[index])
            arguments = self._arguments(kind, fields) | {
                "next_hop": attrs.next_hop, "tunnel_type": "vxlan", "vni": labels[0]}
            if kind == 5:
                arguments["gw_ip_addr"] = gateway or ("::" if ":" in fields[2] else "0.0.0.0")
            elif kind == 3:
                arguments |= {"pmsi_tunnel_type": 6, "tunnel_endpoint_ip": fields[2]}
            elif attrs.mobility:
                arguments["mac_mobility"] = attrs.mobility
            try:
                self._vrf(fields[0], attrs.rts)
                self.speaker.evpn_prefix_add(**arguments)
            except (BGPSException, ValueError) as error:
                self.post("log", "error", f"cannot be announced: {fields}: {error}")
        eventlet.sleep(0)

    def withdraw(self, family: Family, items: tuple) -> None:
        if family != EVPN:
            return
        eventlet.sleep(SETTLE)
        for kind, fields in items:
            try:
                self.speaker.evpn_prefix_del(**self._arguments(kind, fields))
            except (BGPSException, ValueError) as error:
                self.post("log", "error", f"cannot be withdrawn: {fields}: {error}")

    def table(self, peer_id: str, session: int) -> None:
        """os-ken has sent it already."""

    def eor(self) -> None:
        """os-ken has no End-of-RIB."""

    def add(self, peer: dict) -> None:
        self.remove(peer["name"] or peer["address"])
        self.peers[peer["name"] or peer["address"]] = peer
        configured = Peer.of(peer)
        self.admissions[configured.id] = RouteAdmission(configured)
        others = ", ".join(str(family) for family in configured.families if family != EVPN)
        if others:
            self.post("log", "error", f"peer {configured.id}: os-ken's engine has no {others}")
        self.speaker.neighbor_add(
            peer["address"], peer["remote_as"], remote_port=peer["port"], enable_ipv4=False,
            enable_evpn=True, password=peer["password"].encode() or None,
            multi_exit_disc=0,  # without one, a ROUTE-REFRESH ends the session
            local_address=self.config["local_address"] or None, local_port=self._port(),
            connect_mode="passive" if peer["passive"] else "both")

    def _port(self) -> int | None:
        """os-ken uses a source address only together with a source port."""
        if not self.config["local_address"]:
            return None
        with socket.socket() as probe:
            probe.bind((self.config["local_address"], 0))
            return probe.getsockname()[1]

    def remove(self, peer_id: str) -> None:
        peer = self.peers.pop(peer_id, None)
        if peer is not None:
            del self.admissions[peer_id]
            self.speaker.neighbor_del(peer["address"])

    def reset(self, peer_id: str) -> None:
        if peer_id in self.peers:
            self.speaker.neighbor_reset(self.peers[peer_id]["address"])

    def status(self, token: int) -> None:
        states = json.loads(self.speaker.neighbor_state_get() or "{}")
        self.post("status", token, [
            {"peer": name, "address": peer["address"], "remote_as": peer["remote_as"],
             "state": "Established" if peer["address"] in self.up else "Active",
             "refused": dict(self.admissions[name].refused),
             "counters": states.get(peer["address"], {}).get("info", {})}
            for name, peer in self.peers.items()])

    def run(self) -> None:
        operations = {"init": self.init, "announce": self.announce, "withdraw": self.withdraw,
                      "table": self.table, "eor": self.eor, "add": self.add, "remove": self.remove,
                      "reset": self.reset, "status": self.status}
        eventlet.spawn_n(self.writer)
        unpacker = msgpack.Unpacker(use_list=False)
        while data := self.sock.recv(65536):
            unpacker.feed(data)
            for operation, *arguments in unpacker:
                operations[operation](*arguments)
        os._exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    Core(socket.socket(fileno=int(sys.argv[1]))).run()
