"""Random operations on the configuration of a node under test."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import (
    FLOATING_IP,
    ROUTER_GATEWAY,
    ROUTER_INTERFACE,
    AddressPair,
    Change,
    DhcpOption,
    ExternalGateway,
    ExtraRoute,
    FixedIp,
    FloatingIP,
    FlowClassifier,
    HostRoute,
    Network,
    Port,
    PortChain,
    PortPair,
    PortPairGroup,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
    SubPort,
    TapFlow,
    TapMirror,
    TapService,
    Trunk,
)
from ryu_apps.control.config.resources.qos.qos_rules import (
    QosBandwidthLimitRule,
    QosDscpMarkingRule,
    QosPacketRateLimitRule,
)
from ryu_apps.control.config.service_chains.overlaps import ambiguous
from ryu_apps.control.config.service_chains.plan import steering_of
from vrouter_ovs.numbers import SUBPORT_NUMBERS

from .world_node import Node
from .world_universe import (
    CIDRS,
    NETWORKS,
    PHYSICAL_NETWORKS,
    PORTS,
    ROUTERS,
    SUBNETS,
    host,
    mac,
    target,
    vteps,
)

POLICIES = ("", "qos0", "qos1")
OUTSIDE = ("192.0.2.1", "fe80::1")
"""Gateways that lie in none of the subnets."""
MODES = ("", "slaac", "dhcpv6-stateful")
TARGETS = ((), (target(102),), (target(202), "65000:7"))
ROUTES = (
    (), (ExtraRoute("10.8.0.0/16", host("net0-a", 10)),),
    (ExtraRoute("10.8.0.0/16", host("net1-a", 10)), ExtraRoute("10.8.0.0/16", host("net0-a", 11)),
     ExtraRoute("fd08::/64", host("net1-b", 10)), ExtraRoute("0.0.0.0/0", "192.0.2.1"),
     ExtraRoute("10.1.0.0/24", host("net0-a", 11))),
)
"""Next hops that may be there, one that never is, a destination that the router may be attached
to."""
EXTERNAL = ("net2", "net1")
COLLECTORS = ("198.51.100.9", vteps("e1")[0])
"""The second is, or may become, a hypervisor."""
GROUPS = ("g0", "g1", "g2")
GROUP_SETS = ((), ("g0",), ("g0", "g1"), ("g2",))


class ConfigurationDriver:
    """Operations take three small integers each."""

    def __init__(self, node: Node) -> None:
        self.node = node

    def _has(self, kind: str, id: str) -> Any:
        return self.node.inputs.config.get((kind, id))

    def network(self, a: int, b: int, c: int) -> None:
        id = list(NETWORKS)[a % 4]
        vni, rd = NETWORKS[id]
        if self._vni_taken(vni, id):
            return
        item = Network(
            id, vni, rd, admin_state_up=b % 7 != 6, import_targets=TARGETS[c % 3],
            export_targets=TARGETS[c // 3 % 3], mtu=(1450, 1400)[b // 2 % 2],
            dns_domain=("", "example.org.")[b // 3 % 2],
        )
        self.node.set("network", id, item if b else None)

    def provide(self, a: int, b: int, c: int) -> None:
        """A network becomes a segment, another one, or an overlay."""
        id = list(NETWORKS)[a % 4]
        network = self._has("network", id)
        if network is None:
            return
        physical = PHYSICAL_NETWORKS[b % 2]
        kind, vlan = (("vxlan", 0), ("flat", 0), ("vlan", 1 + c // 3 % 2))[c % 3]
        physical = physical if kind != "vxlan" else ""
        if physical and any(
            (item.physical_network, item.vlan_id) == (physical, vlan) and item.id != id
            for item in self.node.inputs.by_kind("network")
        ):
            return
        self.node.set("network", id, replace(
            network, network_type=kind, physical_network=physical, vlan_id=vlan,
        ))

    def _vni_taken(self, vni: int, id: str) -> bool:
        return any(
            item.vni == vni and item.id != id
            for kind in ("network", "router")
            for item in self.node.inputs.by_kind(kind)
        )

    def subnet(self, a: int, b: int, c: int) -> None:
        id = list(SUBNETS)[a % len(SUBNETS)]
        cidr = CIDRS[id][c % len(CIDRS[id])]
        item = Subnet(
            id, SUBNETS[id], cidr,
            gateway_ip=(host(id, 1), "", OUTSIDE[id.endswith("b")])[(b // 2 + c) % 3],
            enable_dhcp=b % 3 != 2, dns_nameservers=((), ("192.0.2.53",))[b // 3 % 2],
            host_routes=(HostRoute("10.8.0.0/16", host(id, 9)),) if b % 5 == 4 else (),
            ipv6_ra_mode=MODES[b // 4 % 3] if id.endswith("b") else "",
            ipv6_address_mode=MODES[b // 5 % 3] if id.endswith("b") else "",
        )
        self.node.set("subnet", id, item if b else None)

    def _network_of_port(self, number: int) -> str:
        return f"net{number % 4}"

    def _free(self, port: Port) -> bool:
        """Whether nobody else has its MAC or one of its addresses: the writers see to that."""
        for other in self.node.inputs.by_kind("port"):
            if other.id == port.id or other.network_id != port.network_id:
                continue
            if other.mac_address == port.mac_address or set(other.fixed_ips) & set(port.fixed_ips):
                return False
        return True

    def port(self, a: int, b: int, c: int) -> None:
        number = a % len(PORTS)
        id = PORTS[number]
        if not b:
            self.node.set("port", id, None)
            return
        network = self._network_of_port(number)
        fixed = []
        if b % 5 != 4:
            subnet = f"{network}-a"
            fixed.append(FixedIp(subnet, host(subnet, 10 + (number // 4 + c) % 3)))
        if b % 3 == 2:
            subnet = f"{network}-b"
            fixed.append(FixedIp(subnet, host(subnet, 10 + (number // 4 + c // 2) % 3)))
        item = Port(
            id, network, mac(network, 16 + (number // 4 + c // 3) % 3), fixed_ips=tuple(fixed),
            admin_state_up=b % 7 != 6, requested_host=("", "", "host0", "e1")[c % 4],
            port_security_enabled=b % 11 != 10,
            allowed_address_pairs=(AddressPair("10.9.0.0/24"),) if c % 5 == 4 else (),
            dns_name=("", "vm")[c // 4 % 2],
            extra_dhcp_opts=(DhcpOption(4, "ntp-server", "192.0.2.1"),) if b % 4 == 3 else (),
            security_groups=GROUP_SETS[(b + c) % len(GROUP_SETS)],
        )
        if self._free(item):
            self.node.set("port", id, item)

    def swap(self, a: int, b: int, c: int) -> None:
        """Two ports of a network exchange their MACs and addresses in one commit."""
        one, other = PORTS[a % 3], PORTS[a % 3 + 4]
        p, q = self._has("port", one), self._has("port", other)
        if p is None or q is None:
            return
        self.node.configure(
            Change("port", one, replace(p, mac_address=q.mac_address, fixed_ips=q.fixed_ips)),
            Change("port", other, replace(q, mac_address=p.mac_address, fixed_ips=p.fixed_ips)),
        )

    def router(self, a: int, b: int, c: int) -> None:
        id = list(ROUTERS)[a % 3]
        vni, rd = ROUTERS[id]
        if self._vni_taken(vni, id):
            return
        item = Router(
            id, vni, rd, admin_state_up=b % 7 != 6, import_targets=TARGETS[c % 3],
            export_targets=TARGETS[c // 3 % 3], routes=ROUTES[(a + b + c) % len(ROUTES)],
        )
        self.node.set("router", id, item if b else None)

    def attach(self, a: int, b: int, c: int) -> None:
        """One interface a subnet: attach, detach, move to another router, other MAC."""
        subnet = list(SUBNETS)[a % len(SUBNETS)]
        network = SUBNETS[subnet]
        id = f"if-{subnet}"
        if not b:
            self.node.set("port", id, None)
            return
        item = Port(
            id, network, mac(network, 1 + 2 * (subnet[-1] == "b") + c % 2),
            fixed_ips=(FixedIp(subnet, host(subnet, 1 + c // 2 % 2)),),
            device_id=list(ROUTERS)[(b - 1) % 3], device_owner=ROUTER_INTERFACE,
            admin_state_up=c % 7 != 6, port_security_enabled=False,
        )
        if self._free(item):
            self.node.set("port", id, item)

    def trunk(self, a: int, b: int, c: int) -> None:
        """A port carries up to three others; none is in two trunks."""
        id = f"trunk{a % 2}"
        others = {
            port for trunk in self.node.inputs.by_kind("trunk") if trunk.id != id
            for port in (trunk.port_id, *(one.port_id for one in trunk.sub_ports))
        }
        parent, *subs = [PORTS[(a + b + n * (1 + c % 3)) % len(PORTS)] for n in range(1 + c % 4)]
        item = Trunk(id, parent, sub_ports=tuple(
            SubPort(port, 1 + (n + c) % 5, SUBPORT_NUMBERS[0] + PORTS.index(port))
            for n, port in enumerate(dict.fromkeys(subs)) if port != parent and port not in others
        ))
        if parent not in others:
            self.node.set("trunk", id, item if b % 4 else None)

    # -- ways out

    def gateway(self, a: int, b: int, c: int) -> None:
        """A router gets a gateway on an external network, loses one or has others."""
        router = self._has("router", list(ROUTERS)[a % 2])
        if router is None:
            return
        gateways = []
        for n, network in enumerate(EXTERNAL):
            id = f"gw-{router.id}-{network}"
            wanted = b >> n & 1
            item = Port(
                id, network, mac(network, 64 + a % 2), device_id=router.id,
                fixed_ips=(FixedIp(f"{network}-a", host(f"{network}-a", 60 + a % 2)),),
                device_owner=ROUTER_GATEWAY, port_security_enabled=False,
                admin_state_up=c % 7 != 6,
            )
            if wanted and self._free(item):
                gateways.append(ExternalGateway(id, c % 2 == 0))
                self.node.set("port", id, item)
            elif self._has("port", id) is not None:
                self.node.set("port", id, None)
        if c % 3 == 2:
            gateways.reverse()
        self.node.set("router", router.id, replace(router, gateways=tuple(gateways)))

    def floating(self, a: int, b: int, c: int) -> None:
        """A floating IP comes, goes, or stands for an address of another port."""
        network = EXTERNAL[a % 2]
        id, holder = f"fip{a % 4}", f"holder{a % 4}"
        port = self._live(b)
        if not c or port is None:
            self.node.configure(Change("floatingip", id, None), Change("port", holder, None))
            return
        address = host(f"{network}-a", 80 + a % 4)
        held = Port(
            holder, network, mac(network, 80 + a % 4), device_owner=FLOATING_IP, device_id=id,
            fixed_ips=(FixedIp(f"{network}-a", address),), port_security_enabled=False,
        )
        fixed = next((one.ip_address for one in port.fixed_ips if ":" not in one.ip_address), "")
        if not self._free(held) or any(
            (other.floating_network_id, other.port_id) == (network, port.id) and other.id != id
            for other in self.node.inputs.by_kind("floatingip")
        ):
            return
        self.node.configure(Change("port", holder, held), Change("floatingip", id, FloatingIP(
            id, network, address, holder, port.id if fixed else "", fixed,
            list(ROUTERS)[c % 2] if fixed else "",
        )))

    # -- groups

    def group(self, a: int, b: int, c: int) -> None:
        id = GROUPS[a % len(GROUPS)]
        self.node.set("security_group", id, SecurityGroup(id, stateful=b % 4 != 3) if b else None)

    def rule(self, a: int, b: int, c: int) -> None:
        id = f"rule{a % 5}"
        remote = c % 4
        item = SecurityGroupRule(
            id, GROUPS[b % len(GROUPS)], ("ingress", "egress")[c % 2], ("IPv4", "IPv6")[c // 2 % 2],
            ("", "tcp", "udp")[b % 3],
            remote_group_id=GROUPS[c // 4 % len(GROUPS)] if remote == 1 else "",
            remote_ip_prefix=("10.9.0.0/16", "fd09::/64")[c // 2 % 2] if remote == 2 else "",
        )
        self.node.set("security_group_rule", id, item if b else None)

    def chain(self, a: int, b: int, c: int) -> None:
        """A part of a service chain, as long as it is told what each port sends where."""
        kind = ("port_pair", "port_pair_group", "flow_classifier", "port_chain")[a % 4]
        id = f"{kind}{b // 2 % 2}"
        item: Any = None
        if kind == "port_pair":
            item = PortPair(id, PORTS[c % 7], PORTS[(c + b) % 7], weight=b % 3)
        elif kind == "port_pair_group":
            pairs = ((), ("port_pair0",), ("port_pair1",), ("port_pair1", "port_pair0"))
            item = PortPairGroup(id, 1 + b // 2 % 2, pairs[c % 4])
        elif kind == "flow_classifier":
            item = FlowClassifier(
                id, PORTS[c % 7], PORTS[(c + 1 + b % 3) % 7],
                ethertype=("IPv4", "IPv6")[c // 7 % 2], protocol=(-1, 6)[c // 14 % 2],
            )
        else:
            groups = (("port_pair_group0",), ("port_pair_group1", "port_pair_group0"))
            classifiers = (("flow_classifier0",), ("flow_classifier0", "flow_classifier1"))
            item = PortChain(id, 1 + b // 2 % 2, groups[c % 2], classifiers[c // 2 % 2],
                             symmetric=c % 3 == 2)
        if b and self._is_told(Change(kind, id, item)):
            self.node.set(kind, id, item)
        elif not b:
            self.node.set(kind, id, None)

    def _is_told(self, change: Change) -> bool:
        config = Config()
        for (kind, id), item in self.node.inputs.config.items():
            config.apply(Change(kind, id, item))
        config.apply(change)
        return not any(list(ambiguous(steering_of(config, port))) for port in PORTS)

    def limit(self, a: int, b: int, c: int) -> None:
        """A rule of a QoS policy comes, changes or goes."""
        cls = (QosBandwidthLimitRule, QosPacketRateLimitRule, QosDscpMarkingRule)[a % 3]
        id, policy = f"limit{a % 6}", POLICIES[1 + b % 2]
        item = cls(id, policy, 8 * (c % 3)) if cls is QosDscpMarkingRule else cls(
            id, policy, c % 4, c % 3, ("egress", "ingress")[c // 4 % 2]
        )
        if (old := self._has(f"{cls.type}_rule", id)) is not None and old.qos_policy_id != policy:
            return
        self.node.set(f"{cls.type}_rule", id, item if b // 2 % 4 else None)

    def limited(self, a: int, b: int, c: int) -> None:
        """A port or a network gets a policy, or has it no more."""
        policy = POLICIES[b % len(POLICIES)]
        if c % 3:
            if port := self._live(a):
                self._replace(port, qos_policy_id=policy)
        elif network := self._has("network", list(NETWORKS)[a % 4]):
            self.node.set("network", network.id, replace(network, qos_policy_id=policy))

    # -- mirrors

    def mirror(self, a: int, b: int, c: int) -> None:
        """One of two of a kind comes, changes or goes; what a flow names need not be there, and
        what is copied to may be copied itself: the writers see to that."""
        kind, number = ("tap_mirror", "tap_service", "tap_flow")[a % 3], a // 3 % 2
        port = PORTS[b % len(PORTS)]
        if kind == "tap_mirror":
            item = TapMirror(
                kind + str(number), port, COLLECTORS[c % 2], ("gre", "erspanv1")[b % 2],
                session_in=(0, 7)[c // 2 % 2], session_out=7 + c // 4 % 2,
            )
        elif kind == "tap_service":
            item = TapService(kind + str(number), port, 900 + number)
        else:
            item = TapFlow(kind + str(number), f"tap_service{b // 8 % 2}", port,
                           ("IN", "OUT", "BOTH")[c % 3])
        self.node.set(kind, item.id, item if c % 5 else None)

    # -- one change of a port that exists, of one that is plugged where there is one

    def _live(self, a: int) -> Port | None:
        config = self.node.inputs.config
        live = [id for id in sorted(self.node.world.ports.bound) if ("port", id) in config]
        known = live or [id for kind, id in sorted(config) if kind == "port" and id in PORTS]
        return config["port", known[a % len(known)]] if known else None

    def _replace(self, port: Port, **fields: Any) -> None:
        item = replace(port, **fields)
        if self._free(item):
            self.node.set("port", item.id, item)

    def remac(self, a: int, b: int, c: int) -> None:
        if port := self._live(a):
            self._replace(port, mac_address=mac(port.network_id, 16 + b % 3))

    def readdress(self, a: int, b: int, c: int) -> None:
        if port := self._live(a):
            fixed = dict.fromkeys(one.subnet_id for one in port.fixed_ips)
            self._replace(port, fixed_ips=tuple(FixedIp(one, host(one, 10 + b % 3))
                                                for one in fixed))

    def resubnet(self, a: int, b: int, c: int) -> None:
        """Out of one subnet of its network into another, into both or none."""
        if port := self._live(a):
            fixed = [f"{port.network_id}-{letter}" for letter in ("a", "b", "ab", "")[b % 4]]
            self._replace(port, fixed_ips=tuple(FixedIp(one, host(one, 10 + c % 3))
                                                for one in fixed))

    def regroup(self, a: int, b: int, c: int) -> None:
        if port := self._live(a):
            self._replace(port, security_groups=GROUP_SETS[b % len(GROUP_SETS)],
                          port_security_enabled=c % 5 != 4)

    def drop(self, a: int, b: int, c: int) -> None:
        """A network, or everything, deleted with all that is in it, plugged ports too."""
        network = list(NETWORKS)[a % len(NETWORKS)]
        places = [
            place for place, item in self.node.inputs.config.items()
            if b % 8 == 7 or network in (place[1], getattr(item, "network_id", None))
        ]
        random.Random(c).shuffle(places)
        if c % 2:
            self.node.configure(*(Change(*place, None) for place in places))
        else:
            for place in places:
                self.node.set(*place, None)
