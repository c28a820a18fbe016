"""What the tests of router advertisements share: a node with a port in two automatic subnets."""

from __future__ import annotations

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import ROUTER_INTERFACE, FixedIp, Network, Port, Router, Subnet
from ryu_apps.control.edge.advertised import RECORDS
from tests.property.world_node import Node
from tests.property.world_universe import ASN, NODE
from tests.unit.vrouter.advertisements import advertised
from vrouter_ovs.addresses import link_local_bytes
from vrouter_ovs.edge import EdgePort
from vrouter_ovs.proxies import packet, ra

MAC, GATEWAY, OTHER = "fa:16:3e:00:00:11", "fa:16:3e:00:00:01", "fa:16:3e:00:00:02"
A, B = "fd00:a::/64", "fd00:b::/64"


def interface(id: str, mac: str, **addresses: str) -> Port:
    return Port(id, "n", mac, device_id="r", device_owner=ROUTER_INTERFACE, fixed_ips=tuple(
        FixedIp(subnet, address) for subnet, address in addresses.items()
    ))  # fmt: skip


def vm(*subnets: str) -> Port:
    return Port("p", "n", MAC, unfiltered=True, fixed_ips=tuple(
        FixedIp(subnet, f"fd00:{subnet}::11") for subnet in subnets
    ))  # fmt: skip


class Bed:
    """A node with a port in two automatic subnets of a routed network."""

    def __init__(self, *records: tuple[str, dict]) -> None:
        self.node = Node(world_settings(NODE, ASN, restart_deferral=0), converged=False)
        self.records: dict[str, dict | None] = {}
        if records:
            self.node.handle(msg.StatusChanged(records))

    def start(self, **resources: object) -> None:
        made = {
            "network n": Network("n", 100, 1, dns_domain="red.test."),
            "subnet a": self.subnet("a", A), "subnet b": self.subnet("b", B),
            "router r": Router("r", 900, 2),
            "port gw": interface("gw", GATEWAY, a="fd00:a::1", b="fd00:b::1"),
            "port p": vm("a", "b"),
        }  # fmt: skip
        made |= {key.replace("_", " "): value for key, value in resources.items()}
        for key, resource in made.items():
            if resource is not None:
                self.node.set(*key.split(), resource)
        self.node.handle(msg.ConfigLoaded())
        self.node.connect("e0")
        self.node.bind("e0", "tap0", "p")
        self.settle()

    @staticmethod
    def subnet(id: str, cidr: str, **fields) -> Subnet:
        fields = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac",
                  "gateway_ip": cidr.replace("/64", "1"), **fields}  # fmt: skip
        return Subnet(id, "n", cidr, **fields)

    def settle(self) -> None:
        self.node.flush()
        for effect in self.node.effects:
            if isinstance(effect, msg.RecordStatus) and effect.key.startswith(RECORDS):
                self.records[effect.key] = effect.value

    def set(self, kind: str, id: str, resource: object) -> EdgePort:
        self.node.set(kind, id, resource)
        self.settle()
        return self.port

    def tick(self, seconds: float) -> EdgePort:
        self.node.tick(seconds)
        self.settle()
        return self.port

    @property
    def port(self) -> EdgePort:
        return self.node.edges["e0", 1]


def read(port: EdgePort) -> list[tuple[str, int, dict[str, tuple[int, int, int]], dict[str, int]]]:
    """(source, router lifetime, prefix -> (flags, valid, preferred), resolver -> lifetime) of each
    advertisement; where a prefix stands twice, as a host has it in the end."""
    found = []
    for frame in ra.periodic(port):
        head, options = advertised(frame)
        prefixes: dict[str, tuple[int, int, int]] = {}
        for raw in options.get(3, []):
            times = int.from_bytes(raw[4:8], "big"), int.from_bytes(raw[8:12], "big")
            prefixes[f"{packet.ipaddress.IPv6Address(raw[16:])}/{raw[2]}"] = (raw[3], *times)
        resolvers = {
            str(packet.ipaddress.IPv6Address(raw[at : at + 16])): int.from_bytes(raw[4:8], "big")
            for raw in options.get(25, []) for at in range(8, len(raw), 16)
        }  # fmt: skip
        source = packet.icmp6(frame)
        assert source.src == link_local_bytes(source.src_mac)
        assert options[1] == [b"\1\1" + source.src_mac]
        found.append((source.src_mac.hex(":"), head.rou_l, prefixes, resolvers))
    return found


GOOD = (0xC0, ra.VALID_LIFETIME, ra.PREFERRED_LIFETIME)
GONE = (0xC0, 0, 0)
