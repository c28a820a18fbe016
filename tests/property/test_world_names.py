"""The views of networks follow the configuration: after random histories they are what the final
configuration says, they are told when they must be, and answers are those of the names."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address
from typing import Any

import dns.flags
import dns.message
import dns.rcode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import FixedIp
from vrouter_ovs.proxies.dns.dns import DnsView, answer
from vrouter_ovs.state import DnsServer

from .world_model import DEEPER, NETWORKS, PORTS, Driver, Node, host, rebuild, same

NAMES = ("", "vm", "web", "a.web", "b.a.web", "x.example.org.")
DOMAINS = ("", "example.org.", "deep.example.org.", "test.")
OPERATIONS = (
    "network", "domain", "subnet", "port", "port", "name", "name", "router", "attach", "swap",
    "interface", "interface", "connect", "disconnect", "vtep", "forget", "flush", "service",
)  # fmt: skip
operation = st.tuples(
    st.sampled_from(OPERATIONS), st.integers(0, 14), st.integers(0, 24), st.integers(0, 29)
)


class Namer(Driver):
    """Also changes names, domains, and who has a subnet's service address."""

    def domain(self, a: int, b: int, c: int) -> None:
        item = self._has("network", list(NETWORKS)[a % 4])
        if item is not None:
            self.node.set("network", item.id, replace(item, dns_domain=DOMAINS[b % 4]))

    def name(self, a: int, b: int, c: int) -> None:
        item = self._has("port", PORTS[a % len(PORTS)])
        if item is None:
            return
        name, domain = NAMES[b % len(NAMES)], DOMAINS[c % 4]
        network = self._has("network", item.network_id)
        if name.endswith("."):  # It must lie in the port's domain.
            domain = "example.org."
        if network is not None:
            self.node.set("port", item.id, replace(item, dns_name=name, dns_domain=domain))

    def service(self, a: int, b: int, c: int) -> None:
        """A port takes the last address of its subnet, or gives it back."""
        item = self._has("port", PORTS[a % len(PORTS)])
        if item is None:
            return
        subnet = f"{item.network_id}-{'ab'[c % 2]}"
        last = host(subnet, 254) if c % 2 == 0 else f"fd00:{subnet[3]}::ffff:ffff:ffff:ffff"
        fixed = tuple(one for one in item.fixed_ips if one.subnet_id != subnet)
        if b % 2:
            fixed += (FixedIp(subnet, last),)
        item = replace(item, fixed_ips=fixed)
        if self._free(item):
            self.node.set("port", item.id, item)


def shown(view: DnsView) -> tuple:
    return (
        view.domain, dict(view.names), dict(view.pointers), view.prefixes, set(view.parents),
    )  # fmt: skip


def expected(config: dict[tuple[str, str], Any], network_id: str) -> tuple:
    """The view of a network in the plainest way."""
    items = config.values()
    network = config["network", network_id]
    domain = (network.dns_domain or "openstacklocal.")[:-1]
    names: dict[str, set[str]] = {}
    pointers: dict[str, str] = {}
    parents: set[str] = set()
    for port in items:
        if getattr(port, "mac_address", None) is None or port.network_id != network_id:
            continue
        for fixed in port.fixed_ips:
            label = port.dns_name or "host-" + fixed.ip_address.translate({46: "-", 58: "-"})
            own = (port.dns_domain or network.dns_domain or "openstacklocal.")[:-1]
            whole = label[:-1] if label.endswith(".") else f"{label}.{own}"
            host_name, _, rest = whole.partition(".")
            names.setdefault(host_name if rest == domain else whole, set()).add(fixed.ip_address)
            pointers[fixed.ip_address] = whole
            while rest.endswith("." + domain):
                parents.add(rest[: -len(domain) - 1])
                rest = rest.partition(".")[2]
    prefixes = sorted(
        item.cidr for (kind, _), item in config.items()
        if kind == "subnet" and item.network_id == network_id
    )
    return (
        domain, {name: tuple(sorted(found)) for name, found in names.items()}, pointers,
        tuple(prefixes), parents,
    )  # fmt: skip


class Told:
    """The effects, folded."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.views: dict[str, DnsView] = {}

    def flush(self) -> None:
        for effect in self.node.flush():
            if type(effect) is msg.DnsChanged:
                if effect.view is None:
                    del self.views[effect.network_id]
                else:
                    assert self.views.get(effect.network_id) is not effect.view, "told twice"
                    self.views[effect.network_id] = effect.view
        bound = self.node.world.ports.bound.values()
        assert self.views.keys() == {one.network_id for one in bound}
        for network_id, view in self.views.items():
            assert view is self.node.world.names.view(network_id)
            assert shown(view) == expected(self.node.inputs.config, network_id)


@settings(max_examples=150 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(operation, min_size=10, max_size=50), st.booleans())
def test_views_follow_each_change(operations, each):
    """``each``: a flush after every change, or several changes at once."""
    node = Node()
    told = Told(node)
    driver = Namer(node)
    driver.populate()
    for number in range(1, 6, 2):
        driver.subnet(number, 1, 0)
    told.flush()
    assert told.views
    for name, a, b, c in operations:
        if name == "flush":
            told.flush()
        else:
            getattr(driver, name)(a, b, c)
        if each:
            told.flush()
    told.flush()
    for view in told.views.values():
        check_answers(view)
    for name in list(node.inputs.elements):
        node.forget(name)
    told.flush()
    assert not told.views


def check_answers(view: DnsView) -> None:
    for name, addresses in view.names.items():
        whole = name if "." in name else f"{name}.{view.domain}"
        for kind, version in (("A", "."), ("AAAA", ":")):
            response = dns.message.from_wire(
                answer(dns.message.make_query(whole, kind).to_wire(), view).wire
            )
            assert response.rcode() == dns.rcode.NOERROR
            got = [item.to_text() for rrset in response.answer for item in rrset]
            wanted = [str(ip_address(one)) for one in addresses if version in one]
            assert sorted(got) == sorted(wanted)
    for parent in view.parents:
        query = dns.message.make_query(f"{parent}.{view.domain}", "A")
        assert dns.message.from_wire(answer(query.to_wire(), view).wire).rcode() == 0


@settings(max_examples=100 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(operation, min_size=5, max_size=50), st.integers(0, 9))
def test_resolvers_equal_those_of_a_fresh_world(operations, seed):
    node = Node()
    driver = Namer(node)
    driver.populate()
    for number in range(1, 6, 2):
        driver.subnet(number, 1, 0)
        driver.attach(number, number // 2 + 1, number)
    node.settle()
    for name, a, b, c in operations:
        getattr(driver, name)(a, b, c)
    node.settle()
    same(node, rebuild(node, seed))
    check_resolvers(node)


def check_resolvers(node: Node) -> None:
    """Who has a resolver's address: the gateway, or the network itself; never a port.  What ports
    are told to ask is asked of the node."""
    for element, objects in node.tables.items():
        gateways = {
            (item.evi, address)
            for item in objects.values() if item.kind == "gateway" for address in item.addresses
        }
        for item in objects.values():
            if type(item) is DnsServer and (item.evi, item.address) not in gateways:
                neighbor = objects["neighbor", item.evi, item.address]
                assert neighbor.mac.startswith("02:56:4e:") or neighbor.remote
        for (where, _), port in node.edges.items():
            for lease in (*port.v4, *port.v6):
                for address in lease.dns:
                    if where == element and address != "192.0.2.53":
                        assert DnsServer(port.evi, address).key in objects
