"""Every option of a VNC node, in one place (oslo.config; groups are sections of the file).

os-ken's own options (``ofp_tcp_listen_port``, ``ofp_listen_host``, ``ctl_privkey`` ...) stand in
``[DEFAULT]`` of the same file.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterable

from oslo_config import cfg

from ryu_apps.control.config.model import KINDS
from ryu_apps.store import BACKENDS
from vrouter_ovs.encapsulation import SENDABLE, VXLAN, overhead

NODE = cfg.OptGroup("node", "This VNC node")
STORE = cfg.OptGroup("store", "The config database")
OVSDB = cfg.OptGroup("ovsdb", "Hypervisors")
BGP = cfg.OptGroup("bgp", "Peers")
API = cfg.OptGroup("api", "REST")
IDENTITY = cfg.OptGroup("identity", "Users of [api] auth = tokens")
DNS = cfg.OptGroup("dns", "What VMs are answered about names")
METADATA = cfg.OptGroup("metadata", "What instances are told of themselves")
OPENFLOW = cfg.OptGroup("openflow", "What switches do for every port")
VPN = cfg.OptGroup("vpn", "How networks become VPNs")
QUOTAS = cfg.OptGroup("quotas", "How much a project may have")

OVERHEAD = max(map(overhead, SENDABLE))
"""Bytes around a tenant's IP packet in the encapsulation that adds most; over IPv4, as all VTEPs
have addresses of that."""

OPTIONS: dict[cfg.OptGroup, list[cfg.Opt]] = {
    NODE: [
        cfg.StrOpt("name", help="Name of this node; default: the host name."),
        cfg.IntOpt("weight", default=100, min=1, max=1_000_000, help="How much of the work this "
                   "node takes, beside the weights of the others."),
        cfg.IntOpt(
            "restart_deferral",
            default=30,
            min=0,
            help="After a start, wait at most this many seconds for the hypervisors and peers "
            "known from before to come back; until then no installed flow is deleted.",
        ),
        cfg.IntOpt(
            "stale_time",
            default=86400,
            min=1,
            help="Keep forwarding along the routes of a peer that went away for this long, in "
            "seconds.",
        ),
        cfg.StrOpt("state_file", help="Where this node remembers which configuration it knew; "
                   "default: beside the SQLite database; with etcd node.state in $STATE_DIRECTORY, "
                   "and nowhere without that."),
        cfg.IntOpt("max_lost_ports", default=20, min=0, max=100, help="Percent of the ports that "
                   "may be missing in the store, though no node deleted them, before an operator "
                   "has to accept it; until then nothing is deleted."),
    ],
    STORE: [
        cfg.StrOpt("backend", default="sqlite", choices=list(BACKENDS)),
        cfg.StrOpt("path", default="/var/lib/vnc/config.db", help="File of the SQLite database."),
        cfg.ListOpt("endpoints", default=["http://127.0.0.1:2379"], help="etcd endpoints."),
        cfg.StrOpt("prefix", default="/vnc", help="Keys of this system in etcd begin with this."),
        cfg.IntOpt("session_ttl", default=3, min=2, help="Seconds until a dead node's liveness "
                   "record goes; it is renewed three times as often."),
        cfg.IntOpt("max_operations", default=128, min=4, help="etcd's --max-txn-ops. Larger bulk "
                   "requests than this allows are refused."),
        cfg.StrOpt("ca_file"),
        cfg.StrOpt("cert_file"),
        cfg.StrOpt("key_file"),
        cfg.StrOpt("username"),
        cfg.StrOpt("password", secret=True),
    ],
    OVSDB: [
        cfg.ListOpt("listen", default=["ptcp:6640:127.0.0.1"], help="Where hypervisors connect: "
                    "ptcp:PORT[:ADDRESS] or pssl:PORT[:ADDRESS]."),
        cfg.StrOpt("private_key"),
        cfg.StrOpt("certificate"),
        cfg.StrOpt("ca_cert"),
        cfg.StrOpt("certified_vteps", default="if-named", choices=[
            ("if-named", "where it has any addresses"), ("required", "always"),
            ("ignored", "never"),
        ], help="When the VTEPs of a hypervisor with a certificate must be among the IP "
                   "addresses in it (subjectAltName)."),
        cfg.StrOpt("controller_target", help="The OpenFlow target given to bridges, as "
                   "tcp:ADDRESS:PORT; default: the address the hypervisor connected to."),
        cfg.IntOpt("probe_interval", default=5, min=1, help="Seconds of silence before a "
                   "hypervisor is probed."),
        cfg.IntOpt("bfd_interval", default=100, min=10, max=60000, help="Milliseconds between BFD "
                   "packets of two VTEPs; the slower of two ends counts."),
        cfg.IntOpt("bfd_multiplier", default=3, min=1, max=255, help="So many BFD packets lost in "
                   "a row mean that the path is down."),
        cfg.IntOpt("path_hold", default=10, min=0, max=1000, help="So many BFD intervals an "
                   "underlay path that failed has to be up before it carries traffic again; twice "
                   "as many each time that it fails again soon, 16 times at most."),
        cfg.IntOpt("connections_per_port", default=65536, min=0, max=4294967295, help="Connections "
                   "that one port can have tracked; written to the hypervisor's database where "
                   "that can hold it (Open vSwitch 3.4 and later), unless an operator wrote "
                   "another there. 0: leave what is there."),
        cfg.IntOpt("max_sessions", default=4096, min=1, help="OVSDB connections at one time; half "
                   "of them are kept for the addresses of hypervisors that have joined."),
        cfg.IntOpt("max_sessions_per_address", default=256, min=1, help="OVSDB connections from "
                   "one address."),
        cfg.BoolOpt("openflow_any_address", default=False, help="Take the OpenFlow connection of a "
                    "hypervisor from any address, not only from that of its OVSDB connection: "
                    "anybody who knows a datapath id can then pretend to be the switch. For "
                    "hypervisors behind NAT or with several addresses towards this node."),
        cfg.IntOpt("unclaimed_timeout", default=30, min=0, help="Seconds after which an OpenFlow "
                   "connection is closed whose switch is no hypervisor's of this node; 0: never, "
                   "for other applications in this process that have switches of their own."),
    ],
    OPENFLOW: [
        # No limit by default, since a stream that nobody answers would be cut to it.  With 1,000,
        # and 60 s for UDP without a reply, the longest that Open vSwitch gives what is not
        # established, a port that does its worst has 64,000 entries of the userspace datapath's
        # three million.
        cfg.IntOpt("new_connections", default=0, min=0, max=1_000_000, help="Tracked "
                   "connections that one port may begin in a second, and four times as many at "
                   "once; what is beyond is dropped. 0: no limit."),
        cfg.IntOpt("storm_rate", default=0, min=0, max=1_000_000, help="Storm control: frames to "
                   "broadcast and multicast addresses that one port may send in a second, and as "
                   "many at once; what is beyond is dropped. 0: no limit."),
        cfg.IntOpt("mac_limit", default=64, min=0, max=65535, help="MACs besides its own that are "
                   "learned of a port without port security."),
        cfg.IntOpt("mac_ageing", default=300, min=2, max=86400, help="Seconds after which a MAC "
                   "from which nothing comes is forgotten."),
        cfg.BoolOpt("igmp_snooping_enable", default=False, help="New networks that do not say "
                    "vpn:igmp_snooping send multicast to members of its group alone, as they "
                    "report it by IGMP and MLD."),
        cfg.BoolOpt("igmp_flood_unregistered", default=False, help="In a network that snoops, "
                    "groups that have no member go to all ports; else to multicast routers alone."),
    ],
    BGP: [
        cfg.IntOpt("local_as", default=64512, min=1, max=4294967295),
        cfg.StrOpt("router_id", help="IPv4 address; required when there are peers."),
        cfg.ListOpt("listen", default=["127.0.0.1:179"], help="ADDRESS:PORT, more than one "
                    "allowed; empty: do not listen."),
        cfg.MultiStrOpt("peer", default=[], help="ADDRESS remote-as N [port N] [name TEXT] "
                        "[passive] [password TEXT] [hold-time N] [max-prefixes N] "
                        "[kind auto|node|router|reflector] [families LIST] "
                        "[route-targets LIST] [next-hops LIST] "
                        "[max-next-hops N] [max-unicast N] [no-enforce-first-as]; once a peer."),
        cfg.StrOpt("engine", default="native", choices=["native", "os-ken"], help="native: our "
                   "sessions on os-ken's codec. os-ken: its BGPSpeaker, with the limits that "
                   "docs/architecture.md tells."),
        cfg.BoolOpt("import_any_as", default=False, help="Import routes with the automatic target "
                    "of a network's or router's VNI, whatever its AS (RFC 8365 section 5.1.2.1): "
                    "routers of another AS need no vpn:import_targets then."),
        cfg.IntOpt("restart_time", default=120, min=1, max=4095),
        cfg.IntOpt("long_lived_time", default=86400, min=0, max=0xFFFFFF, help="Seconds for which "
                   "peers keep our routes of a VPN family after restart_time, as the least "
                   "preferred ones (RFC 9494); 0: no such capability."),
        cfg.IntOpt("stalepath_time", default=360, min=1, max=4095, help="Seconds that a router "
                   "which is back after a restart has to announce its routes again; those it has "
                   "not by then go."),
    ],
    API: [
        cfg.StrOpt("host", default="127.0.0.1"),
        cfg.PortOpt("port", default=9696),
        cfg.StrOpt("advertise", help="URL under which other nodes and people reach this API; "
                   "default: http://HOST:PORT, with cert_file https."),
        cfg.IntOpt("threads", default=8, min=2),
        cfg.IntOpt("max_body", default=16 * 1024 * 1024, help="Bytes."),
        cfg.IntOpt("max_page", default=10000),
        cfg.StrOpt("cert_file"),
        cfg.StrOpt("key_file"),
        cfg.StrOpt("client_ca_file"),
        cfg.StrOpt("auth", default="none", choices=["none", "tokens", "keystone"], help="Who says "
                   "who a client is. none: nobody does, and clients are administrators. tokens: "
                   "this system itself, with users in the config store. keystone: a Keystone, by "
                   "the options of [keystone_authtoken]."),
        cfg.BoolOpt("allow_unauthenticated", default=False, help="With auth none, listen also "
                    "where others than this host reach the API: whoever does is an "
                    "administrator."),
    ],
    IDENTITY: [
        cfg.IntOpt("token_lifetime", default=3600, min=60, max=7 * 86400, help="Seconds for which "
                   "a token is valid."),
        cfg.IntOpt("bcrypt_cost", default=12, min=4, max=16, help="Of hashes of passwords; one "
                   "more doubles the time that a login takes, some 0.2 s with 12."),
    ],
    DNS: [
        cfg.ListOpt("resolvers", default=[], help="Who is asked for names outside the networks, "
                    "the preferred one first: ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT; empty: "
                    "such names are refused."),
        cfg.ListOpt("forward_zones", default=[], help="Names that are asked of the resolvers "
                    "though they mean something only inside: zones of RFC 6303 and 6761, or names "
                    "below or above them, such as corp.local, 10.in-addr.arpa; default: none."),
        cfg.StrOpt("mdns", default="flood", choices=["flood", "local", "answer"], help="Multicast "
                   "DNS of new networks that do not say vpn:mdns. flood: as all multicast. local: "
                   "to the VMs of the same hypervisor alone. answer: the node answers for the "
                   "network's ports, and nobody hears it."),
        cfg.IntOpt("ttl", default=60, min=0, max=86400, help="Seconds that VMs may remember a name "
                   "of their network."),
        cfg.IntOpt("timeout", default=2, min=1, max=30, help="Seconds until the next resolver is "
                   "tried."),
        cfg.IntOpt("tries", default=3, min=1, max=10, help="Resolvers tried for a question, one "
                   "after the other and again; then VMs hear SERVFAIL."),
        cfg.IntOpt("max_in_flight", default=256, min=2, max=16384, help="Questions at resolvers at "
                   "a time, half of them of one network at most; each has a socket."),
        cfg.IntOpt("cache_entries", default=20000, min=0, help="Answers of resolvers that are "
                   "remembered, of 4 KiB at most each; 0: none."),
        cfg.IntOpt("cache_per_network", default=2000, min=0, help="The most of these that one "
                   "network can have."),
        cfg.IntOpt("cache_ttl", default=3600, min=0, max=86400, help="Seconds that an answer is "
                   "remembered at most."),
    ],
    METADATA: [
        cfg.StrOpt("url", help="The metadata service, such as Nova's, http://HOST:8775 or "
                   "https://HOST:PORT/PATH: requests of instances to 169.254.169.254 and "
                   "fe80::a9fe:a9fe go there; default: none is served."),
        cfg.StrOpt("shared_secret_file", help="File with Nova's metadata_proxy_shared_secret, by "
                   "which it knows that an instance is who it is said to be; needed with url."),
        cfg.StrOpt("ca_file", help="Who signs the service's certificate; default: whom the system "
                   "trusts."),
        cfg.StrOpt("cert_file"),
        cfg.StrOpt("key_file"),
        cfg.BoolOpt("insecure", default=False, help="Take any certificate of the service."),
        cfg.IntOpt("timeout", default=30, min=1, max=300, help="Seconds until an instance hears "
                   "that the service has not answered."),
        cfg.IntOpt("workers", default=16, min=1, max=256, help="Requests at the service at a "
                   "time; one port has a quarter of them at most."),
        cfg.IntOpt("max_response", default=1 << 20, min=1 << 16, max=1 << 24, help="Bytes of the "
                   "largest answer that is passed on."),
    ],
    VPN: [
        cfg.StrOpt("vni_range", default="1000-16777214", help="VNIs given to networks and "
                   "routers, FIRST-LAST."),
        cfg.StrOpt("mac_prefix", default="fa:16:3e", help="First three bytes of generated MACs."),
        cfg.IntOpt("underlay_mtu", default=1500, min=1280 + OVERHEAD, max=65535, help="What the "
                   "network between the hypervisors carries; the same on every node. Tenants' "
                   f"packets may have {OVERHEAD} bytes less."),
        cfg.ListOpt(
            "encapsulations", default=[VXLAN],
            item_type=cfg.types.String(choices=[(name, "") for name in sorted(SENDABLE)]),
            help="Of the tunnels between hypervisors, where external_ids:vnc-encap-type of a "
                 "hypervisor does not say otherwise: all that it takes, and sends by the first "
                 "of them that the other one takes.",
        ),
        cfg.IntOpt("mtu", min=576, help="MTU of new networks; default, and at most: "
                   f"underlay_mtu less {OVERHEAD}."),
        cfg.IntOpt("physical_mtu", default=1500, min=68, max=65535, help="What physical networks "
                   "carry, for flat and VLAN networks: their MTU by default, and at most."),
        cfg.DictOpt("physical_network_mtus", help="Physical networks that carry more or less: "
                    "NAME:MTU,..."),
    ],
    QUOTAS: [
        cfg.IntOpt(f"quota_{name}", default=kind.quota, min=-1, help=f"The most of {kind.table} "
                   "that a project may have where nobody said otherwise; -1: any number.")
        for name, kind in KINDS.items() if kind.quota is not None
    ],
}


class SettingsError(ValueError):
    """An option that makes no sense; the text names it."""


def state_file(conf: cfg.ConfigOpts) -> str:
    """Path of the file in which the node remembers which configuration it knew; "" for none."""
    if conf.node.state_file:
        return conf.node.state_file
    if conf.store.backend == "sqlite":
        return f"{conf.store.path}.state"
    directory = os.environ.get("STATE_DIRECTORY", "").partition(":")[0]  # systemd.exec(5)
    return f"{directory}/node.state" if directory and conf.store.backend == "etcd" else ""


def overlay_mtu(conf: cfg.ConfigOpts) -> int:
    """The largest IP packet of a tenant that fits through the underlay in every encapsulation."""
    return conf.vpn.underlay_mtu - OVERHEAD


def overlay_mtus(conf: cfg.ConfigOpts) -> tuple[tuple[str, int], ...]:
    """(encapsulation, the largest that fits in it), for each that is sent."""
    return tuple((encap, conf.vpn.underlay_mtu - overhead(encap)) for encap in sorted(SENDABLE))


def network_mtu(conf: cfg.ConfigOpts) -> int:
    """The MTU of new networks.  Raises SettingsError where it does not fit."""
    largest = overlay_mtu(conf)
    mtu = conf.vpn.mtu or largest
    if mtu > largest:
        raise SettingsError(
            f"[vpn] mtu: {mtu} is more than the overlay carries, {largest} ([vpn] underlay_mtu "
            f"less {OVERHEAD} bytes for the encapsulation)"
        )
    return mtu


def physical_mtus(conf: cfg.ConfigOpts) -> dict[str, int]:
    """Physical network -> the largest IP packet that it carries; "": of all others.  Raises
    SettingsError for what is no MTU."""
    found = {"": conf.vpn.physical_mtu}
    for name, text in (conf.vpn.physical_network_mtus or {}).items():
        if not text.isascii() or not text.isdecimal() or not 68 <= int(text) <= 65535:
            raise SettingsError(
                f"[vpn] physical_network_mtus: {text!r} of {name} is no MTU, from 68 to 65535"
            )
        found[name] = int(text)
    return found


def register(conf: cfg.ConfigOpts) -> None:
    """Register all options on ``conf``.  Idempotent."""
    for group, options in OPTIONS.items():
        # A group of its own for each: a shared one would carry overrides from one to the next.
        conf.register_group(cfg.OptGroup(group.name, group.title))
        conf.register_opts(options, group=group.name)


def unknown(files: Iterable[str]) -> list[str]:
    """What configuration files set and no node reads, in words: oslo.config ignores it silently.

    Only sections of ours are looked at, and those that are nearly called so: other applications
    may have their own.
    """
    names = {group.name: [option.name for option in options]
             for group, options in OPTIONS.items()}
    found = []
    for file in files:
        sections: dict[str, dict[str, list[str]]] = {}
        cfg.ConfigParser(file, sections).parse()
        for section, values in sections.items():
            if section not in names:
                near = difflib.get_close_matches(section, names, 1)
                if near:
                    found.append(f"{file}: section [{section}] is not read; is it [{near[0]}]?")
                continue
            for name in values:
                if name not in names[section]:
                    near = difflib.get_close_matches(name, names[section], 1)
                    hint = f"; is it {near[0]}?" if near else ""
                    found.append(f"{file}: [{section}] {name} is no option{hint}")
    return found


def unread(conf: cfg.ConfigOpts) -> list[str]:
    """Sections of the configuration files that no application has declared, in words, but for
    those that :func:`unknown` names.  ``conf``: when all applications are loaded."""
    ours = [group.name for group in OPTIONS]
    return [
        f"section [{section}] is not read by any application; there are: "
        f"{', '.join(sorted(set(ours) & set(conf)))}"
        for section in conf.list_all_sections()
        if section not in conf and section != "DEFAULT" and section not in ours
        and not difflib.get_close_matches(section, ours, 1)
    ]
