"""The app that is a whole VNC node: ``ryu-manager ryu_apps.vnc_node --config-file FILE``.

Wires the parts: store and configuration, controller thread with the World, OVSDB, OpenFlow, BGP
engine, REST.  It decides nothing itself.
"""

from __future__ import annotations

import logging
import socket
import time
from typing import Any

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_4

from ryu_apps import __version__
from ryu_apps import settings as options
from ryu_apps.configuration.service import Configuration
from ryu_apps.connections.port_number import port_number
from ryu_apps.control import messages as msg
from ryu_apps.control.world import NODES, Settings, World
from ryu_apps.controller import Controller
from ryu_apps.node_name import wait_for_name
from ryu_apps.northbound.server import ApiServer
from ryu_apps.peering import Engine, Speaker, is_router_id, make_engine, parse_peers
from ryu_apps.runtime import expect
from ryu_apps.settings import SettingsError
from ryu_apps.southbound.openflow.southbound import OpenFlowSouthbound
from ryu_apps.southbound.ovs import OvsSouthbound
from ryu_apps.southbound.ovsdb.southbound import OvsdbSettings, OvsdbSouthbound
from ryu_apps.southbound.registry import Southbounds
from ryu_apps.southbound.services import icmp_errors
from ryu_apps.southbound.services.addresses import AddressSender, seen
from ryu_apps.southbound.services.dns.resolvers import limits_of
from ryu_apps.southbound.services.dns.service import DnsService
from ryu_apps.southbound.services.packet_in import PuntSouthbound, Send
from ryu_apps.store import open_store
from ryu_apps.views.live import LiveView
from vrouter_ovs.edge import Why

LOG = logging.getLogger(__name__)
NAME_MARGIN = 3.0
"""Seconds beyond a lease until its keys are gone."""
LEVELS = {"info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class VncNode(app_manager.OSKenApp):
    """One VNC node.  Raises, from :meth:`start`, what its parts raise when they cannot start."""

    OFP_VERSIONS = [ofproto_v1_4.OFP_VERSION]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options.register(self.CONF)
        conf = self.CONF
        self.node_name = conf.node.name or socket.gethostname()
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        speaker = _speaker(conf)
        self.controller = Controller(
            World(
                Settings(
                    node=self.node_name,
                    local_as=conf.bgp.local_as,
                    peers=tuple(peer.id for peer in speaker.peers),
                    stale_time=conf.node.stale_time,
                    restart_time=conf.bgp.restart_time,
                    restart_deferral=conf.node.restart_deferral,
                    overlay_mtu=options.overlay_mtu(conf),
                    dns_ttl=conf.dns.ttl,
                    count_new=conf.openflow.new_connections > 0,
                    limit_connections=conf.ovsdb.connections_per_port > 0,
                    peer_kinds={peer.id: peer.kind for peer in speaker.peers},
                    stalepath_time=conf.bgp.stalepath_time,
                    import_any_as=conf.bgp.import_any_as,
                    most_lost_ports=conf.node.max_lost_ports,
                )
            )
        )
        post = self.controller.post
        self.store = open_store(**_section(conf.store))
        self.configuration = Configuration(self.store, post, conf, options.state_file(conf))
        self.southbounds = Southbounds()
        send = self.southbounds.packet_out
        self.punt = PuntSouthbound(
            send,
            {
                **icmp_errors.services(options.overlay_mtu(conf)),
                Why.DNS: lambda *asked: self.dns.query(*asked),
                Why.MDNS: lambda *asked: self.dns.multicast_query(*asked),
                Why.SEEN: seen(post),
            },
        )
        self.dns = _dns_service(conf.dns, send, self.punt)
        self.addresses = AddressSender(self.punt, send)
        self.openflow = OpenFlowSouthbound(
            post, punted=self.punt.punted, new_connections=conf.openflow.new_connections,
            sources=expect, any_address=conf.ovsdb.openflow_any_address,
            unclaimed=conf.ovsdb.unclaimed_timeout,
        )
        ovsdb = OvsdbSouthbound(post, _ovsdb_settings(conf, self.node_name))
        self.southbounds.add(OvsSouthbound(ovsdb, self.openflow))
        self.engine: Engine | None = None
        if speaker.peers or speaker.listen:
            self.engine = make_engine(conf.bgp.engine, speaker, post)
        self.view = LiveView(
            self.controller, self.store, self.southbounds, self.engine, self.record,
            self.punt.status, self.dns.status, self.configuration,
        )
        self.api = ApiServer(self.configuration, self.view, conf)
        self._closers: list[Any] = []

    def record(self) -> dict[str, Any]:
        """This node's record in the store, for the other nodes and for people."""
        conf = self.CONF
        return {
            "node": self.node_name,
            "host": socket.gethostname(),
            "url": conf.api.advertise or f"http://{conf.api.host}:{conf.api.port}",
            "version": __version__,
            "local_as": conf.bgp.local_as,
            "router_id": conf.bgp.router_id or "",
            "started_at": self._started_at,
        }

    # ------------------------------------------------------------ life

    def start(self) -> Any:
        """Start the parts, the ones that others need first; then serve."""
        thread = super().start()
        begun = time.monotonic()
        self._wire()
        try:
            self._start_parts()
        except BaseException:
            self.close()
            raise
        LOG.info("node %s is up in %.2f s: API on %s, store %s, %d peers", self.node_name,
                 time.monotonic() - begun, self.record()["url"], self.CONF.store.backend,
                 len(self.CONF.bgp.peer))
        return thread

    def _start_parts(self) -> None:
        self._closers = [self.store.close]
        wait_for_name(self.store, NODES + self.node_name, self.record(),
                      self.CONF.store.session_ttl + NAME_MARGIN)
        self.controller.start()
        self._closers.append(self.controller.stop)
        self.configuration.start()
        self._closers.append(self.configuration.stop)
        self.dns.start()
        self._closers.append(self.dns.stop)
        self.punt.start()
        self._closers.append(self.punt.stop)
        self._closers.append(self.southbounds.stop)
        self.southbounds.start()
        if self.engine is not None:
            self.engine.start()
            self._closers.append(self.engine.stop)
        self.api.start()
        self._closers.append(self.api.stop)
        self.configuration.put_status(NODES + self.node_name, self.record(), ephemeral=True)

    def close(self) -> None:
        """End everything; no flow is touched, and peers keep our routes (graceful restart)."""
        while self._closers:
            closer = self._closers.pop()
            try:
                closer()
            except Exception:  # each part must get its chance to close
                LOG.exception("closing %s failed", getattr(closer, "__qualname__", closer))

    # ------------------------------------------------------------ effects

    def _wire(self) -> None:
        engine = self.engine

        def nothing(effect: Any) -> None:
            """Without peers nobody hears of routes."""

        self.controller.effects = {
            **self.southbounds.subscriptions(),
            msg.EdgeChanged: lambda effect: self.punt.changed(
                effect.element, effect.ofport, effect.port
            ),
            msg.DnsChanged: lambda effect: self.dns.changed(effect.network_id, effect.view),
            msg.Probe: self.addresses.probe,
            msg.Gratuitous: self.addresses.gratuitous,
            msg.Announce: (lambda effect: engine.announce(effect.paths)) if engine else nothing,
            msg.Withdraw: (lambda effect: engine.withdraw(effect.nlris)) if engine else nothing,
            msg.SendEndOfRib: (lambda effect: engine.end_of_rib()) if engine else nothing,
            msg.ConfigDoubted: self.configuration.doubted,
            msg.RecordStatus: lambda effect: self.configuration.put_status(
                effect.key, effect.value
            ),
            msg.Notice: lambda effect: LOG.log(
                LEVELS[effect.level], "%s: %s", effect.subject, effect.text
            ),
        }

    # ------------------------------------------------------------ switches

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def _state_changed(self, event: Any) -> None:
        if event.state == MAIN_DISPATCHER:
            self.openflow.connected(event.datapath)
        elif event.datapath.id is not None:
            self.openflow.disconnected(event.datapath)


def _section(group: Any) -> dict[str, Any]:
    return {name: group[name] for name in group}


def _dns_service(section: Any, send: Send, punt: PuntSouthbound) -> DnsService:
    try:
        return DnsService(
            send, tuple(section.resolvers), punt.count, punt.current, limits_of(section),
            tuple(section.forward_zones),
        )  # fmt: skip
    except ValueError as error:
        raise SettingsError(f"[dns] resolvers, forward_zones: {error}") from error


def _speaker(conf: Any) -> Speaker:
    try:
        peers = parse_peers(conf.bgp.peer)
    except ValueError as error:
        raise SettingsError(f"[bgp] peer: {error}") from error
    if peers and not conf.bgp.router_id:
        raise SettingsError("[bgp] router_id: required when there are peers")
    if conf.bgp.router_id and not is_router_id(conf.bgp.router_id):
        raise SettingsError(f"[bgp] router_id: {conf.bgp.router_id!r} is no IPv4 address")
    listen = []
    for text in conf.bgp.listen if peers else ():
        address, _, port = text.rpartition(":")
        number = port_number(port)
        if not address or number is None:
            raise SettingsError(f"[bgp] listen: {text!r} is not ADDRESS:PORT")
        listen.append((address.strip("[]"), number))
    return Speaker(
        local_as=conf.bgp.local_as,
        router_id=conf.bgp.router_id or "0.0.0.0",
        listen=tuple(listen),
        restart_time=conf.bgp.restart_time,
        peers=peers,
    )


def _ovsdb_settings(conf: Any, node_name: str) -> OvsdbSettings:
    section = conf.ovsdb
    return OvsdbSettings(
        listen=tuple(section.listen),
        controller_target=section.controller_target,
        openflow_port=conf.ofp_ssl_listen_port or conf.ofp_tcp_listen_port or 6653,
        probe_interval=section.probe_interval,
        bfd_interval=section.bfd_interval,
        connections_per_port=section.connections_per_port,
        max_sessions=section.max_sessions,
        max_sessions_per_address=section.max_sessions_per_address,
        private_key=section.private_key,
        certificate=section.certificate,
        ca_cert=section.ca_cert,
        node_name=node_name,
    )
