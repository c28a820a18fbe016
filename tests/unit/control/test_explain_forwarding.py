"""Explain says what the switches do: of each way in which a route or an object is of no use, that
it is, and why."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    FixedIp,
    Network,
    Port,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)
from ryu_apps.control.routes import Attributes, MacIp, Path
from tests.property.world_model import ASN, target
from tests.unit.control.explain_support import FAR, OUTSIDE, RMAC, Site, host, prefix
from vrouter_ovs.state import Endpoint

EVERYWHERE = [
    ("a1", "a2"), ("a1", "b1"), ("a1", "b2"), ("a1", "10.0.0.1"), ("a1", "10.1.0.1"),
    ("a1", "fd01::12"), ("a1", "fd02::11"), ("a1", "fd02::12"), ("a1", "fd02::1"),
]  # fmt: skip


@pytest.mark.parametrize("ask", EVERYWHERE)
def test_what_works_is_allowed_and_the_way_is_told(ask):
    site = Site()
    site.says("allowed", "host", ask=ask)


@pytest.mark.parametrize("ask, key", [
    (("a1", "10.0.0.12"), ("mac", 101, "fa:16:3e:00:00:12")),
    (("a1", "10.0.0.12"), ("neighbor", 101, "10.0.0.12")),
    (("a1", "fd01::12"), ("neighbor", 101, "fd01::12")),
    (("a1", "10.1.0.12"), ("route", 201, "10.1.0.12/32")),
    (("a1", "fd02::12"), ("route", 201, "fd02::12/128")),
    (("a1", "10.1.0.12"), ("gateway", 101, "fa:16:3e:00:04:01")),
    (("a1", "10.1.0.12"), ("vrf", 201)),
    (("a1", "10.1.0.1"), ("gateway", 102, "fa:16:3e:01:04:01")),
])  # fmt: skip
def test_a_refused_object(ask, key):
    site = Site()
    site.refuse("e0", key)
    site.says("unreachable", "refused", "no space", "host0", str(key[1]), ask=ask)


def test_what_a_switch_has_not_confirmed():
    site = Site()
    for element in ("e0", "e1"):
        site.tunnel(element, Endpoint(FAR), msg.TunnelStatus(Endpoint(FAR), 91))
    site.receive("p1", (prefix(), host("10.0.0.50")))
    site.flush()
    for to in (OUTSIDE, "10.0.0.50"):
        site.says("unreachable", "has not confirmed", "host0", ask=("a1", to))
    site.settle()
    for to in (OUTSIDE, "10.0.0.50"):
        site.says("allowed", FAR, ask=("a1", to))


def test_a_change_at_the_other_end_that_is_not_confirmed():
    site = Site()
    site.bind("e1", "tap1", "b2", 77)
    site.flush()
    site.ack("e0")
    site.flush()
    site.says("unreachable", "b2 is BUILD", ask=("a1", "b2"))


def test_a_switch_that_has_lost_its_node_keeps_what_it_confirmed():
    site = Site()
    site.handle(msg.VrouterDisconnected("e0", "cut"))
    site.says("allowed", ask=("a1", "b2"))
    site.mute.add("e0")
    site.hear(prefix())
    site.says("unreachable", "has not confirmed", "lost its node")


def test_no_tunnel_and_a_tunnel_that_is_down():
    site = Site()
    site.hear(prefix(), host("10.0.0.50"), tunnel=False)
    for to in (OUTSIDE, "10.0.0.50"):
        site.says("unreachable", "no tunnel", FAR, ask=("a1", to))
    for to in ("a2", "b2", "fd02::12"):
        far = Endpoint("172.16.0.2")
        site.tunnel("e0", far, msg.TunnelStatus(far, 90, "down"))
        site.settle()
        site.says("unreachable", "host1 is down (BFD)", ask=("a1", to))
    # A VTEP of another system need not speak BFD.
    site.tunnel("e0", Endpoint(FAR), msg.TunnelStatus(Endpoint(FAR), 91, "down"))
    site.settle()
    site.says("allowed")


@pytest.mark.parametrize("path, words", [
    (prefix(router_mac=""), "without a Router's MAC"),
    (prefix(label=0), "without a VNI"),
    (prefix(encaps=("mpls",)), "encapsulation mpls,"),
    (prefix(encaps=("mpls", "vxlan-gpe", "77")), "encapsulations mpls, vxlan-gpe, 77,"),
    (prefix(esi="00" * 9 + "01", label=0), "Ethernet segment"),
    (prefix(gateway="10.0.0.77", label=0), "by the gateway 10.0.0.77, and no route says where"),
])
def test_a_prefix_that_no_switch_can_use(path, words):
    site = Site()
    site.hear(path)
    site.says("unreachable", "no route", path.attrs.next_hop, words)
    site.hear(prefix("0.0.0.0/0"))
    site.says("allowed", "0.0.0.0/0")


def test_a_vtep_that_takes_nothing_that_the_hypervisor_sends():
    site = Site()
    site.hear(prefix(encaps=("geneve",)), host("10.0.0.50", encaps=("geneve", "nvgre")))
    site.says("unreachable", "takes geneve, and host0 sends vxlan")
    site.says("unreachable", "takes geneve, nvgre, and host0", ask=("a1", "10.0.0.50"))
    site.change_encapsulations("e0", ("vxlan", "geneve"))
    site.tunnel("e0", Endpoint(FAR, "geneve"), msg.TunnelStatus(Endpoint(FAR, "geneve"), 92))
    site.settle()
    site.says("allowed")
    site.says("allowed", FAR, ask=("a1", "10.0.0.50"))


def test_hosts_that_are_announced_for_bridging_alone():
    for ip in ("10.0.0.50", "fd01::50"):
        site = Site()
        site.hear(host(ip))
        site.says("allowed", FAR, ask=("a1", ip))
        site.says("unreachable", "nobody", "for bridging alone", FAR, ask=("b1", ip))
    site = Site()
    site.hear(host("10.0.0.50", (101, 201)))
    site.says("unreachable", "without a Router's MAC", ask=("b1", "10.0.0.50"))
    site = Site()
    site.hear(host("10.0.0.50", (101, 201), router_mac=RMAC))
    site.says("allowed", FAR, ask=("b1", "10.0.0.50"))


def test_unknown_addresses():
    site = Site()
    site.says("unreachable", "no port has the address", ask=("a1", "10.0.0.99"))
    site.set("network", "a", Network("a", 101, 1, flood_unknown=True))
    site.settle()
    site.says("unknown", "asks everybody", ask=("a1", "10.0.0.99"))


def test_a_stale_route_is_told():
    site = Site()
    site.hear(prefix(), host("10.0.0.50"))
    site.peer_down("p1")
    site.settle()
    for to in (OUTSIDE, "10.0.0.50"):
        site.says("allowed", "stale", ask=("a1", to))


def test_after_a_start_changes_are_held_back():
    site = Site(world_settings("n1", ASN, ("p1",), restart_deferral=30), converged=False)
    site.handle(msg.ConfigLoaded())
    site.hear(prefix())
    site.says("unknown", "just started", "peer p1")
    site.says("unknown", "just started", ask=("a1", "a2"))
    site.says("allowed", ask=("a1", "10.0.0.1"))
    site.end_of_rib("p1")
    site.settle()
    site.says("allowed")


def test_equal_hops_of_which_one_fails():
    site = Site()
    site.hear(prefix(), prefix(vtep="192.0.2.8"))
    site.says("unknown", "1 of the 2 equal hops", "no tunnel", "192.0.2.8")
    site.tunnel("e0", Endpoint("192.0.2.8"), msg.TunnelStatus(Endpoint("192.0.2.8"), 92))
    site.settle()
    site.says("allowed", "192.0.2.8", FAR)


def test_back_to_the_port_that_it_came_from():
    """A router sends it there, a bridge does not."""
    site = Site()
    site.set("subnet", "a9", Subnet("a9", "a", "10.9.0.0/24", gateway_ip="10.9.0.1"))
    site.set("port", "if-a9", Port(
        "if-a9", "a", "fa:16:3e:00:09:01", fixed_ips=(FixedIp("a9", "10.9.0.1"),), device_id="r",
        device_owner=ROUTER_INTERFACE, port_security_enabled=False,
    ))  # fmt: skip
    port = site.inputs.config["port", "a1"]
    site.set("port", "a1", Port(
        "a1", "a", port.mac_address, unfiltered=True,
        fixed_ips=(FixedIp("a4", "10.0.0.11"), FixedIp("a9", "10.9.0.11"))))
    site.settle()
    site.says("allowed", "delivers", ask=("a1", "10.9.0.11"), source="10.0.0.11")
    site.says("unreachable", "go back to the port", ask=("a1", "10.0.0.11"))


def test_a_port_that_is_requested_elsewhere_says_so():
    site = Site()
    port = site.inputs.config["port", "b2"]
    site.set("port", "b2", replace(port, requested_host="host0"))
    site.settle()
    site.says("unreachable", "requested on host host0", ask=("a1", "b2"))


def test_the_sender_is_another_nodes():
    site = Site()
    site.elsewhere(FAR)
    site.interface("e1", "tap0", None)
    site.settle()
    port = site.inputs.config["port", "a2"]
    attrs = Attributes(FAR, (target(101),))
    site.hear(*(
        Path(MacIp(f"{FAR}:1", 0, port.mac_address, fixed.ip_address), attrs, (101,))
        for fixed in port.fixed_ips
    ))  # fmt: skip
    site.says("unknown", "another node's", ask=("a2", "a1"))
    site.says("allowed", "far-7", ask=("a1", "a2"))


def test_dhcp_and_the_resolver():
    site = Site()
    dhcp = ("a1", "255.255.255.255", "udp")
    dhcp6 = ("a1", "ff02::1:2", "udp")
    dns = ("a1", "10.0.0.1", "udp")
    for ask, port in ((dhcp, 67), (dhcp6, 547), (dns, 53)):
        site.says("allowed", "node answers", ask=ask, dport=port)
    site.handle(msg.VrouterDisconnected("e0", "cut"))
    for ask, port in ((dhcp, 67), (dhcp6, 547), (dns, 53)):
        site.says("unreachable", "lost the node", ask=ask, dport=port)
    site.handle(msg.VrouterConnected("e0"))
    site.refuse("e0", ("punt", "a1"))
    for ask, port in ((dhcp, 67), (dhcp6, 547), (dns, 53)):
        site.says("unreachable", "refused", ask=ask, dport=port)
    site = Site()
    for id in ("a4", "a6"):
        subnet = site.inputs.config["subnet", id]
        site.set("subnet", id, Subnet(
            id, "a", subnet.cidr, gateway_ip=subnet.gateway_ip, enable_dhcp=False))
    site.settle()
    site.says("unreachable", "DHCP is off", ask=dhcp, dport=67)
    site.says("unreachable", "DHCP is off", ask=dhcp6, dport=547)


def test_a_rule_that_the_switch_refused():
    site = Site()
    site.set("security_group", "g", SecurityGroup("g"))
    site.set("security_group_rule", "in", SecurityGroupRule("in", "g", "ingress", "IPv4", "icmp"))
    port = site.inputs.config["port", "b2"]
    site.set("port", "b2", Port(
        "b2", "b", port.mac_address, fixed_ips=port.fixed_ips, security_groups=("g",)))
    site.settle()
    site.says("allowed", ask=("a1", "b2"))
    (key,) = [
        key for key, item in site.tables["e1"].items() if key[0] == "rule" and item.rules == ("in",)
    ]
    site.refuse("e1", key)
    site.says("unreachable", "host1 refused rule", ask=("a1", "b2"))


def test_a_frozen_port_is_where_it_is():
    site = Site()
    for number in range(9):
        site.hear(host("10.0.0.12", (101, 201), mobility=2 * number + 1, router_mac=RMAC))
    port = site.inputs.config["port", "a2"]
    for number in range(9):
        path = host("10.0.0.12", (101, 201), mobility=40 + 2 * number, router_mac=RMAC)
        site.hear(path._replace(nlri=path.nlri._replace(mac=port.mac_address)))
    assert "a2" in site.world.duplicates.by_port
    site.says("allowed", "host1", "frozen", ask=("b1", "a2"))
