"""vnctl explain's verdicts: each stage, both directions, and what the nearest rules miss."""

from __future__ import annotations

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, FixedIp, Port, SecurityGroup, SecurityGroupRule
from ryu_apps.control.config.rules import networks
from ryu_apps.control.config.rules.addressing import subnets
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.control.config.rules.routing import routers
from ryu_apps.control.config.rules.security import (
    address_groups,
    security_group_rules,
    security_groups,
)
from ryu_apps.control.config.rules.sfc import (
    flow_classifiers,
    port_chains,
    port_pair_groups,
    port_pairs,
)
from ryu_apps.control.explain.explain import ExplainError, explain
from ryu_apps.control.explain.rules import Packet, match
from ryu_apps.control.policy.pages import SECURITY_GROUP, Named
from ryu_apps.control.policy.rules import WITH_PORTS, rules_of
from tests.unit.control.rules_support import Bench


class Site(Bench):
    """Two networks joined by a router; web and db groups; web1, web2 and db1."""

    def __init__(self):
        super().__init__(project_id="p")
        self.net = {}
        for name, cidr in (("web", "10.0.1.0/24"), ("db", "10.0.2.0/24")):
            network = self.do(networks.create, name=name)
            self.net[name] = network, self.do(subnets.create, network_id=network.id, cidr=cidr)
        self.router = self.do(routers.create, name="r")
        for _, subnet in self.net.values():
            self.do(routers.add_interface, self.router.id, subnet_id=subnet.id)
        self.groups = {name: self.do(security_groups.create, name=name).id
                       for name in ("web", "db")}
        self.ports = {
            name: self.do(ports.create, name=name, network_id=self.net[name[:-1]][0].id,
                          security_groups=[self.groups[name[:-1]]]).id
            for name in ("web1", "web2", "db1")
        }

    def allow(self, group, **body):
        return self.do(security_group_rules.create, **{
            "security_group_id": self.groups[group], "direction": "ingress", **body}).id

    def ask(self, sender, to, *protocol, **more):
        name, *port = protocol or ("icmp",)
        return explain(self.config, self.ports[sender], self.ports.get(to, to), name, *port,
                       **more)


def stage(answer, name):
    return next(one for one in answer["stages"] if one["stage"] == name)


@pytest.fixture
def site():
    return Site()


def test_allowed_and_denied(site):
    answer = site.ask("web1", "db1", "tcp", 3306)
    assert answer["verdict"] == "denied"
    assert answer["reason"].startswith("ingress rules: no ingress")
    rule = site.allow("db", protocol="tcp", port_range_min=3306, port_range_max=3306,
                      remote_group_id=site.groups["web"])
    answer = site.ask("web1", "db1", "tcp", 3306)
    assert answer["verdict"] == "allowed" and answer["reason"] == ""
    assert stage(answer, "ingress rules")["rules"] == [rule]
    assert len(stage(answer, "egress rules")["rules"]) == 1
    assert "router r, 10.0.2.0/24" in stage(answer, "path")["reason"]
    assert answer["destination"] == {
        "port": site.ports["db1"], "name": "db1", "address": "10.0.2.2"}
    assert site.ask("web1", "10.0.2.2", "6", 3306)["verdict"] == "allowed"
    near = site.ask("web1", "db1", "tcp", 3307)
    assert stage(near, "ingress rules")["nearest"] == [
        {"rule": rule, "why": "tcp 3306 allowed only from group web: not port 3307"}]
    assert "allowed only from group web" in near["reason"]
    back = site.ask("db1", "web1", "tcp", 22)
    assert back["verdict"] == "denied" and "web1" in back["reason"]
    assert site.ask("db1", "db1", "tcp", 3306)["verdict"] == "denied"


def test_the_networks_resolver_asks_no_rules(site):
    nobody = site.do(ports.create, name="nobody", network_id=site.net["web"][0].id,
                     security_groups=[])
    site.ports["nobody"] = nobody.id
    for protocol in ("udp", "tcp"):
        answer = site.ask("nobody", "10.0.1.1", protocol, 53)
        assert answer["verdict"] == "allowed" and stage(answer, "resolver")
    assert site.ask("nobody", "10.0.1.1", "udp", 54)["verdict"] == "denied"
    assert site.ask("nobody", "10.0.2.1", "udp", 53)["verdict"] == "denied", "another network's"
    spoofed = site.ask("nobody", "10.0.1.1", "udp", 53, source="10.0.1.77")
    assert spoofed["verdict"] == "denied" and spoofed["reason"].startswith("anti-spoof")


def test_nearest_first(site):
    far = site.allow("web", protocol="udp", port_range_min=53, port_range_max=53,
                     remote_ip_prefix="192.0.2.0/24")
    near = site.allow("web", protocol="tcp", port_range_min=22, port_range_max=22,
                      remote_group_id=site.groups["web"])
    found = stage(site.ask("db1", "web1", "tcp", 22), "ingress rules")["nearest"]
    assert [one["rule"] for one in found] == [near, far]
    assert found[0]["why"] == (
        "tcp 22 allowed only from group web: 10.0.2.2 is no member of group web")
    assert "not tcp 22" in found[1]["why"] and "not in 192.0.2.0/24" in found[1]["why"]


def test_a_rule_of_the_same_protocol_is_nearer(site):
    """Several of each, as the ids, which are random, break ties."""
    for port in range(20, 25):
        site.allow("web", protocol="tcp", port_range_min=port, port_range_max=port)
        site.allow("web", protocol="icmp", port_range_min=port)
    found = stage(site.ask("db1", "web1", "tcp", 80), "ingress rules")["nearest"]
    assert [one["why"].split()[0] for one in found] == ["tcp"] * 5


def test_egress_counts_first(site):
    for rule in list(site.config.rules_by_group[site.groups["web"]]):
        site.drop(security_group_rules.delete, rule)
    site.allow("db")
    answer = site.ask("web1", "db1")
    assert answer["verdict"] == "denied" and answer["reason"].startswith("egress rules")
    site.allow("web", direction="egress", protocol="icmp", port_range_min=8)
    assert site.ask("web1", "db1")["verdict"] == "allowed"
    assert site.ask("web1", "db1", icmp_type=13)["verdict"] == "denied"


def test_address_groups_and_prefixes(site):
    made = site.do(address_groups.create, name="offices", addresses=["10.0.1.0/24"])
    rule = site.allow("db", protocol="udp", remote_address_group_id=made.id)
    assert stage(site.ask("web1", "db1", "udp", 9), "ingress rules")["rules"] == [rule]
    site.do(address_groups.remove, made.id, addresses=["10.0.1.0/24"])
    near = stage(site.ask("web1", "db1", "udp", 9), "ingress rules")["nearest"][0]
    assert near["why"] == (
        "udp allowed only from address group offices: 10.0.1.2 is not in address group offices")
    other = site.allow("db", protocol="udp", remote_ip_prefix="10.0.1.77/24")
    assert stage(site.ask("web1", "db1", "udp", 9), "ingress rules")["rules"] == [other]


def test_spoofing(site):
    assert site.ask("web1", "web2", source="10.0.1.99")["reason"].startswith("anti-spoof")
    site.do(ports.update, site.ports["web1"], allowed_address_pairs=[
        {"ip_address": "10.0.1.96/29"}])
    assert stage(site.ask("web1", "web2", source="10.0.1.99"), "anti-spoof")["verdict"] == "pass"
    # Whoever has the address by a pair is its destination, and a member of its groups.
    site.allow("db", remote_group_id=site.groups["web"])
    assert site.ask("web1", "db1", source="10.0.1.99")["verdict"] == "allowed"
    answer = site.ask("db1", "10.0.1.99")
    assert answer["destination"]["port"] == site.ports["web1"]


EVERYTHING = (["0.0.0.0/0"], ["0.0.0.0/1", "128.0.0.0/1"], ["10.0.0.0/8"])


@pytest.mark.parametrize("ranges", EVERYTHING)
@pytest.mark.parametrize("stateful", [True, False])
def test_a_pair_of_everything_makes_no_members_of_others(site, ranges, stateful):
    """It counts for what its own port sends in its network."""
    ops = site.do(security_groups.create, name="ops", stateful=stateful).id
    for name in ("web1", "web2"):
        site.do(ports.update, site.ports[name], security_groups=[])
    site.do(security_groups.update, site.groups["web"], stateful=stateful)
    for name in ("web1", "web2"):
        site.do(ports.update, site.ports[name], security_groups=[site.groups["web"]])
    member = site.do(ports.create, name="ops1", network_id=site.net["web"][0].id,
                     security_groups=[ops],
                     allowed_address_pairs=[{"ip_address": one} for one in ranges]).id
    site.ports["ops1"] = member
    site.allow("web", protocol="tcp", port_range_min=22, port_range_max=22, remote_group_id=ops)
    site.allow("db", protocol="tcp", port_range_min=22, port_range_max=22, remote_group_id=ops)
    for sender in ("web2", "db1"):
        answer = site.ask(sender, "web1", "tcp", 22)
        assert answer["verdict"] == "denied", answer
        assert answer["reason"].startswith("ingress rules"), answer["reason"]
    assert stage(site.ask("ops1", "web1", "tcp", 22), "ingress rules")["verdict"] == "pass"
    other = stage(site.ask("ops1", "web1", "tcp", 22, source="10.77.0.1"), "ingress rules")
    assert other["verdict"] == "pass"
    # Behind a router nobody knows whose it is, but by the fixed address.
    assert stage(site.ask("ops1", "db1", "tcp", 22), "ingress rules")["verdict"] == "pass"
    beyond = stage(site.ask("ops1", "db1", "tcp", 22, source="10.77.0.1"), "ingress rules")
    assert beyond["verdict"] == "drop"


def test_who_has_a_shared_address_is_its_destination(site):
    for name in ("web1", "web2"):
        site.do(ports.update, site.ports[name], allowed_address_pairs=[
            {"ip_address": "10.0.1.99"}])
    asked = []

    def holder(sharing, address, found=site.ports["web2"]):
        asked.append((sorted(sharing), address))
        return found

    answer = site.ask("db1", "10.0.1.99", holder=holder)
    assert answer["destination"]["port"] == site.ports["web2"]
    assert asked == [(sorted(site.ports[one] for one in ("web1", "web2")), "10.0.1.99")]
    nowhere = site.ask("db1", "10.0.1.99", holder=lambda *_: "")
    assert nowhere["verdict"] == "unreachable" and "web1, web2" in nowhere["reason"], nowhere
    assert "none has announced it" in nowhere["reason"]


def test_paths(site):
    assert site.ask("web1", "10.0.1.1")["verdict"] == "allowed"  # the gateway
    for to in ("10.0.1.200", "10.0.2.200", "198.51.100.1"):
        answer = site.ask("web1", to)
        assert answer["verdict"] == "unreachable" and answer["reason"].startswith("path"), to
    known = {site.router.vni: {"198.51.100.1": "198.51.100.0/24"},
             site.net["web"][0].vni: {"10.0.1.200": "10.0.1.200"}}

    def routed(vni, address):
        return known.get(vni, {}).get(address, "")

    assert "198.51.100.0/24" in stage(
        site.ask("web1", "198.51.100.1", routed=routed), "path")["reason"]
    assert site.ask("web1", "10.0.1.200", routed=routed)["verdict"] == "allowed"
    site.do(routers.remove_interface, site.router.id, subnet_id=site.net["web"][1].id)
    assert "no router" in site.ask("web1", "db1")["reason"]


def test_states(site):
    site.allow("db")
    states = {site.ports["db1"]: ("BUILD", ""), site.ports["web1"]: ("ACTIVE", "")}
    answer = site.ask("web1", "db1", states=states.get)
    assert answer["verdict"] == "unreachable" and "BUILD" in answer["reason"]
    states[site.ports["db1"]] = ("DOWN", "requested on host x")
    assert "requested on host x" in site.ask("web1", "db1", states=states.get)["reason"]
    states[site.ports["db1"]] = ("ACTIVE", "")
    assert site.ask("web1", "db1", states=states.get)["verdict"] == "allowed"


def test_ports_without_groups(site):
    site.do(ports.update, site.ports["db1"], security_groups=[])
    answer = site.ask("web1", "db1")
    assert answer["verdict"] == "denied" and "no security group" in answer["reason"]
    assert site.ask("db1", "web1")["reason"].startswith("egress rules")
    site.do(ports.update, site.ports["db1"], port_security_enabled=False)
    assert site.ask("web1", "db1")["verdict"] == "allowed"
    old = dataclasses.replace(site.config.ports[site.ports["db1"]], port_security_enabled=True,
                              unfiltered=True)
    site.config.apply(Change("port", old.id, old))
    assert "before there were" in stage(site.ask("web1", "db1"), "ingress rules")["reason"]


def test_stateless_groups_need_rules_for_replies(site):
    free = site.do(security_groups.create, name="free", stateful=False).id
    site.groups["free"] = free
    site.do(ports.update, site.ports["web1"], security_groups=[free])
    site.allow("db")
    answer = site.ask("web1", "db1", "tcp", 22)
    assert answer["verdict"] == "denied" and answer["reason"].startswith("reply ingress rules")
    site.allow("free", protocol="tcp", port_range_min=32768, port_range_max=60999)
    assert site.ask("web1", "db1", "tcp", 22)["verdict"] == "allowed"
    assert site.ask("web1", "db1")["verdict"] == "denied"
    site.allow("free", protocol="icmp", port_range_min=0)
    assert site.ask("web1", "db1")["verdict"] == "allowed"
    # One stateful group beside it, and connections are tracked.
    # (No request can mix them; a store of an earlier version may hold such a port.)
    mixed = dataclasses.replace(
        site.config.ports[site.ports["web1"]], security_groups=(free, site.groups["web"])
    )
    site.config.apply(Change("port", mixed.id, mixed))
    assert "tracked" in stage(site.ask("web1", "db1", "udp", 1), "reply ingress rules")["reason"]


def test_questions_that_make_no_sense(site):
    for arguments, more in (
        (("web1", "nowhere"), {}), (("web1", "fd00::1"), {}), (("web1", "db1", "nonsense"), {}),
        (("web1", "db1"), {"source": "x"}), (("web1", "db1"), {"source": "fd00::1"}),
    ):
        with pytest.raises(ExplainError):
            site.ask(*arguments, **more)
    with pytest.raises(KeyError):
        explain(site.config, "none", "10.0.0.1")


# ------------------------------------------------------------ the same as what the switches get

ADDRESSES = ["10.0.0.1", "10.0.0.2", "10.9.0.1"]
GROUPS = ["ga", "gb", "gc"]


@st.composite
def configurations(draw):
    config = Config()
    for group in GROUPS:
        config.apply(Change("security_group", group, SecurityGroup(group)))
    for index in range(draw(st.integers(1, 6))):
        protocol = draw(st.sampled_from(["", "tcp", "17", "icmp"]))
        low, high = sorted(draw(st.tuples(st.integers(20, 24), st.integers(20, 24))))
        remote = draw(st.sampled_from(["", "10.0.0.0/16", *GROUPS]))
        with_ports = protocol in ("tcp", "17") and draw(st.booleans())
        config.apply(Change("security_group_rule", f"r{index}", SecurityGroupRule(
            f"r{index}", draw(st.sampled_from(GROUPS)), "ingress", "IPv4", protocol,
            *((low, high) if with_ports else (-1, -1)),
            remote_ip_prefix=remote if "/" in remote else "",
            remote_group_id=remote if remote in GROUPS else "",
        )))
    for index, address in enumerate(ADDRESSES):
        config.apply(Change("port", f"p{index}", Port(
            f"p{index}", "n", f"fa:16:3e:00:00:0{index}",
            fixed_ips=(FixedIp("s", address),),
            security_groups=tuple(draw(st.sets(st.sampled_from(GROUPS), min_size=1))),
        )))
    return config


@given(configurations(), st.sampled_from(ADDRESSES), st.sampled_from([(6, 22), (17, 20), (1, 8)]))
def test_rules_match_as_rendered(config, source, what):
    """A packet matches a rule here exactly when the objects for the switches let it match."""
    groups = tuple(sorted(config.ports["p0"].security_groups))
    number, port = what
    packet = Packet(4, source, "10.0.0.1", number, port, port if number != 1 else 0)
    bits = {Named(SECURITY_GROUP, group): (1, bit) for bit, group in enumerate(GROUPS)}
    sender = next(one for one in config.ports.values() if one.fixed_ips[0].ip_address == source)
    expected = set()
    for rule in rules_of(config, 9, groups, bits).values():
        if rule.direction != "ingress" or rule.version != 4:
            continue
        if rule.group and rule.group not in sender.security_groups:
            continue
        if rule.group:
            assert (rule.page, rule.bit) == bits[Named(SECURITY_GROUP, rule.group)]
        if rule.protocol not in (-1, number):
            continue
        if rule.remote and not source.startswith("10.0."):
            continue
        if number in WITH_PORTS and rule.first >= 0 and not rule.first <= port <= rule.last:
            continue
        expected.update(rule.rules)
    assert set(match(config, groups, "ingress", packet)[0]) == expected


def test_the_services_of_a_chain_are_stages():
    site = Site()
    group = site.do(security_groups.create, name="open").id
    site.do(security_group_rules.create, security_group_id=group, direction="ingress")
    for name in ("web1", "web2"):
        site.do(ports.update, site.ports[name], security_groups=[group])
    firewall = site.do(ports.create, network_id=site.net["web"][0].id).id
    pair = site.do(port_pairs.create, ingress=firewall, egress=firewall).id
    services = site.do(port_pair_groups.create, name="fw", port_pairs=[pair]).id
    classifier = site.do(
        flow_classifiers.create, protocol="tcp", destination_port_range_min=80,
        destination_port_range_max=80, logical_source_port=site.ports["web1"],
        logical_destination_port=site.ports["web2"]).id
    site.do(port_chains.create, name="c", port_pair_groups=[services],
            flow_classifiers=[classifier], chain_parameters={"symmetric": True})
    answer = site.ask("web1", "web2", "tcp", 80)
    assert answer["verdict"] == "allowed"
    for name in ("service chain", "reply service chain"):
        assert firewall in stage(answer, name)["reason"]
    for other in (("tcp", 81), ("udp", 80), ("icmp",)):
        assert "service chain" not in str(site.ask("web1", "web2", *other)["stages"])
    down = site.ask("web1", "web2", "tcp", 80, states=lambda port: (
        "DOWN" if port == firewall else "ACTIVE", ""))
    assert down["verdict"] == "unreachable" and "none of its instances" in down["reason"]
