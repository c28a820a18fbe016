"""The app that is a whole VNC node: ``ryu-manager ryu_apps.vnc_node --config-file FILE``.

Makes the parts and wires them: store and configuration, controller thread with the World,
southbounds, services for VMs, BGP engine, REST.  It decides nothing itself.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable
from typing import Any

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_4

from ryu_apps import __version__
from ryu_apps import settings as options
from ryu_apps.configuration.activations import BindingActivations
from ryu_apps.configuration.service import Configuration
from ryu_apps.control.messages import RecordLoad, Subscriptions
from ryu_apps.control.ownership.records import NODES, PROTOCOL
from ryu_apps.control.world import World
from ryu_apps.controller import Controller, Part
from ryu_apps.identity import choice
from ryu_apps.node_name import wait_for_name
from ryu_apps.node_probe import NodeProbe
from ryu_apps.northbound.server import ApiServer
from ryu_apps.notices import Notices
from ryu_apps.option_values import (
    default_url,
    dns_limits,
    metadata_settings,
    openflow_port,
    ovsdb_settings,
    speaker_of,
    world_settings,
)
from ryu_apps.peering import Engine, make_engine
from ryu_apps.runtime import expect
from ryu_apps.settings import SettingsError
from ryu_apps.southbound.neighbours.service import NeighbourService
from ryu_apps.southbound.openflow.channels import OpenFlowChannels
from ryu_apps.southbound.ovs import OvsSouthbound
from ryu_apps.southbound.ovsdb.sessions import OvsdbSessions
from ryu_apps.southbound.registry import Southbounds
from ryu_apps.southbound.services import (
    addresses,
    arrivals,
    floating_ips,
    icmp_errors,
    listeners,
    sources,
)
from ryu_apps.southbound.services.base import Send
from ryu_apps.southbound.services.dns.service import DnsService
from ryu_apps.southbound.services.metadata.service import MetadataService
from ryu_apps.southbound.services.packet_in import PuntDispatcher
from ryu_apps.store import open_store
from ryu_apps.views import uplinks
from ryu_apps.views.live import LiveView

LOG = logging.getLogger(__name__)
NAME_MARGIN = 3.0
"""Seconds beyond a lease until its keys are gone."""


class VncNode(app_manager.OSKenApp):
    """One VNC node.  Raises, from :meth:`start`, what its parts raise when they cannot start."""

    OFP_VERSIONS = [ofproto_v1_4.OFP_VERSION]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        options.register(self.CONF)
        conf = self.CONF
        self.node_name = conf.node.name or socket.gethostname()
        self._load = {"elements": 0, "ports": 0, "messages": 0}
        self._started_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        speaker = speaker_of(conf)
        self.controller = Controller(World(world_settings(conf, self.node_name, speaker)))
        post = self.controller.post
        self.store = open_store(conf.store)
        self.configuration = Configuration(self.store, post, conf, options.state_file(conf))
        self.identity = choice.service(conf, self.store, lambda: self.configuration.doubt)
        authenticator = choice.authenticator(conf, self.identity)
        self.activations = BindingActivations(self.configuration)
        self.southbounds = Southbounds()
        send = self.southbounds.packet_out
        self.punt = PuntDispatcher(send)
        self.dns = _dns_service(conf, send, self.punt)
        self.punt.serve(icmp_errors.services(options.overlay_mtu(conf)))
        self.punt.serve(self.dns.services())
        self.punt.serve(floating_ips.services(self.southbounds.inject, self.punt.count))
        self.metadata = _metadata_service(conf, send, self.punt)
        if self.metadata is not None:
            self.punt.serve(self.metadata.services())
        self.punt.serve(addresses.services(post))
        self.punt.serve(listeners.services(post))
        self.punt.serve(sources.services(post))
        self.punt.witness(arrivals.services(post))
        self.openflow = OpenFlowChannels(
            post, punted=self.punt.punted, sources=expect,
            any_address=conf.ovsdb.openflow_any_address, unclaimed=conf.ovsdb.unclaimed_timeout,
        )
        ovsdb = OvsdbSessions(post, ovsdb_settings(conf, self.node_name, openflow_port(conf)))
        self.southbounds.add(OvsSouthbound(ovsdb, self.openflow))
        self.engine: Engine | None = None
        if speaker.peers or speaker.listen:
            self.engine = make_engine(conf.bgp.engine, speaker, post)
        self.neighbours = NeighbourService(lambda: self.controller.query(uplinks.bridges))
        self.view = LiveView(
            self.controller, self.store, self.southbounds, self.engine, self.record,
            self.punt.status, self.dns.status, self.configuration,
            self.neighbours.shown, authenticator.standing,
            self.metadata.status if self.metadata is not None else None,
        )
        self.api = ApiServer(self.configuration, self.view, conf, authenticator)
        parts: list[Part] = [
            self.southbounds, self.punt, self.dns, addresses.AddressSender(self.punt, send),
            listeners.ListenerQuerier(self.punt, send),
            self.configuration, self.activations, Notices(), self,
            NodeProbe(self.store, self.node_name, socket.gethostname()),
        ]
        self.controller.connect([*parts, self.engine] if self.engine is not None else parts)
        self._closers: list[Callable[[], Any]] = []

    def record(self) -> dict[str, Any]:
        """This node's record in the store, for the other nodes and for people."""
        conf = self.CONF
        return {
            "node": self.node_name,
            "host": socket.gethostname(),
            "url": conf.api.advertise or default_url(conf),
            "version": __version__,
            "local_as": conf.bgp.local_as,
            "router_id": conf.bgp.router_id or "",
            "started_at": self._started_at,
            "ownership": PROTOCOL,
            "weight": conf.node.weight,
            "load": self._load,
        }

    def subscriptions(self) -> Subscriptions:
        return {RecordLoad: self._record_load}

    def _record_load(self, effect: RecordLoad) -> None:
        self._load = {
            "elements": effect.elements, "ports": effect.ports, "messages": effect.messages,
        }
        self.configuration.put_status(NODES + self.node_name, self.record(), ephemeral=True)

    # ------------------------------------------------------------ life

    def start(self) -> Any:
        """Start the parts, the ones that others need first; then serve."""
        thread = super().start()
        begun = time.monotonic()
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
        if self.engine is not None:
            self.engine.prepare()
            self._closers.append(self.engine.stop)
        wait_for_name(self.store, NODES + self.node_name, self.record(),
                      self.CONF.store.session_ttl + NAME_MARGIN)
        # The first of what is written: this node owns nothing before others can know that it lives.
        self.configuration.put_status(NODES + self.node_name, self.record(), ephemeral=True)
        parts = (
            self.controller, self.configuration, self.activations, self.dns, self.metadata,
            self.punt, self.southbounds, self.neighbours, self.engine, self.identity, self.api,
        )  # fmt: skip
        for part in parts:
            if part is not None:
                part.start()
                self._closers.append(part.stop)

    def close(self) -> None:
        """End everything; no flow is touched, and peers keep our routes (graceful restart)."""
        while self._closers:
            closer = self._closers.pop()
            try:
                closer()
            except Exception:  # each part must get its chance to close
                LOG.exception("closing %s failed", getattr(closer, "__qualname__", closer))

    # ------------------------------------------------------------ switches

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def _state_changed(self, event: Any) -> None:
        if event.state == MAIN_DISPATCHER:
            self.openflow.connected(event.datapath)
        elif event.datapath.id is not None:
            self.openflow.disconnected(event.datapath)


def _dns_service(conf: Any, send: Send, punt: PuntDispatcher) -> DnsService:
    try:
        return DnsService(
            send, tuple(conf.dns.resolvers), dns_limits(conf), punt.count, punt.current,
            tuple(conf.dns.forward_zones),
        )  # fmt: skip
    except ValueError as error:
        raise SettingsError(f"[dns] resolvers, forward_zones: {error}") from error


def _metadata_service(conf: Any, send: Send, punt: PuntDispatcher) -> MetadataService | None:
    """None where the options name none."""
    settings = metadata_settings(conf)
    if settings is None:
        return None
    try:
        return MetadataService(send, settings, punt.count, punt.current)
    except (OSError, ValueError) as error:
        raise SettingsError(f"[metadata] {error}") from error
