"""From options to the values that the parts of a node are made with."""

from __future__ import annotations

from typing import Any

from ryu_apps.connections.port_number import port_number
from ryu_apps.control.families import UNDERLAY_FAMILIES
from ryu_apps.control.settings import Settings
from ryu_apps.peering import Speaker, is_router_id, parse_peers
from ryu_apps.settings import SettingsError, overlay_mtus
from ryu_apps.southbound.ovsdb.settings import OvsdbSettings
from ryu_apps.southbound.services.dns.resolvers import Limits
from ryu_apps.southbound.services.metadata.settings import MetadataSettings

OPENFLOW_PORT = 6653
"""OpenFlow 1.4 section 6.3.3."""


def world_settings(conf: Any, node_name: str, speaker: Speaker) -> Settings:
    """What the control core needs to know of the options."""
    return Settings(
        node=node_name,
        local_as=conf.bgp.local_as,
        peers=tuple(
            peer.id for peer in speaker.peers if not set(peer.families) <= set(UNDERLAY_FAMILIES)
        ),
        stale_time=conf.node.stale_time,
        restart_time=conf.bgp.restart_time,
        restart_deferral=conf.node.restart_deferral,
        overlay_mtus=overlay_mtus(conf),
        dns_ttl=conf.dns.ttl,
        new_connections=conf.openflow.new_connections,
        limit_connections=conf.ovsdb.connections_per_port > 0,
        peer_kinds={peer.id: peer.kind for peer in speaker.peers},
        stalepath_time=conf.bgp.stalepath_time,
        import_any_as=conf.bgp.import_any_as,
        most_lost_ports=conf.node.max_lost_ports,
        path_hold=conf.ovsdb.bfd_interval * conf.ovsdb.path_hold / 1000,
        weight=conf.node.weight,
        metadata=bool(conf.metadata.url),
        storm_rate=conf.openflow.storm_rate,
        igmp_flood_unregistered=conf.openflow.igmp_flood_unregistered,
        mac_limit=conf.openflow.mac_limit,
        mac_ageing=conf.openflow.mac_ageing,
    )


def speaker_of(conf: Any) -> Speaker:
    """This node's side of BGP.  Raises SettingsError."""
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
        long_lived_time=conf.bgp.long_lived_time,
        peers=peers,
    )


def openflow_port(conf: Any) -> int:
    """Where switches connect, by os-ken's options: with TLS where that is served."""
    return conf.ofp_ssl_listen_port or conf.ofp_tcp_listen_port or OPENFLOW_PORT


def default_url(conf: Any) -> str:
    """Where the API is, as far as the options say."""
    host = f"[{conf.api.host}]" if ":" in conf.api.host else conf.api.host
    return f"http{'s' if conf.api.cert_file else ''}://{host}:{conf.api.port}"


def ovsdb_settings(conf: Any, node_name: str, openflow_port: int) -> OvsdbSettings:
    """How hypervisors' databases are served.  ``openflow_port``: what bridges are to connect to."""
    section = conf.ovsdb
    return OvsdbSettings(
        listen=tuple(section.listen),
        controller_target=section.controller_target,
        openflow_port=openflow_port,
        probe_interval=section.probe_interval,
        bfd_interval=section.bfd_interval,
        bfd_multiplier=section.bfd_multiplier,
        connections_per_port=section.connections_per_port,
        max_sessions=section.max_sessions,
        max_sessions_per_address=section.max_sessions_per_address,
        private_key=section.private_key,
        certificate=section.certificate,
        ca_cert=section.ca_cert,
        certified_vteps=section.certified_vteps,
        node_name=node_name,
        encapsulations=encapsulations(conf),
    )


def encapsulations(conf: Any) -> tuple[str, ...]:
    """Of hypervisors that do not say their own.  Raises SettingsError."""
    names = tuple(conf.vpn.encapsulations)
    if not names or len(set(names)) < len(names):
        raise SettingsError("[vpn] encapsulations: one at least, and each of them once")
    return names


def dns_limits(conf: Any) -> Limits:
    """The bounds of asking resolvers; half of the questions may be of one network."""
    section = conf.dns
    return Limits(
        in_flight=section.max_in_flight, per_network=max(1, section.max_in_flight // 2),
        tries=section.tries, timeout=float(section.timeout), cache_entries=section.cache_entries,
        cache_per_network=section.cache_per_network, cache_ttl=section.cache_ttl,
    )  # fmt: skip


def metadata_settings(conf: Any) -> MetadataSettings | None:
    """How the metadata service is reached; None where there is none.  Raises SettingsError."""
    section = conf.metadata
    if not section.url:
        return None
    if not section.shared_secret_file:
        raise SettingsError("[metadata] shared_secret_file: required with url")
    return MetadataSettings(
        section.url, section.shared_secret_file, section.ca_file, section.cert_file,
        section.key_file, section.insecure, float(section.timeout), section.workers,
        section.max_response,
    )  # fmt: skip
