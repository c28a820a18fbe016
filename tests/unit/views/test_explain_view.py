"""Explain and rule counters on the running node's own state."""

from __future__ import annotations

import pytest

from lab.beds.option_values import openflow_channels, world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    Change,
    FixedIp,
    Network,
    Port,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)
from ryu_apps.control.explain.explain import ExplainError
from ryu_apps.control.routes import Attributes, IpPrefix, MacIp, Path
from ryu_apps.control.world import World
from ryu_apps.controller import Controller
from ryu_apps.store.memory import MemoryStore
from ryu_apps.views.live import LiveView
from ryu_apps.views.vrouters import rule_cookies
from tests.element_info import ovs_info
from vrouter_ovs.cookies import cookie

PORTS = {"a": "10.0.0.2", "b": "10.0.0.3"}
CHANGES = (
    Change("network", "n", Network("n", 1000, 1)),
    Change("subnet", "s", Subnet("s", "n", "10.0.0.0/24", gateway_ip="10.0.0.1")),
    Change("router", "r", Router("r", 2000, 2)),
    Change("port", "gw", Port(
        "gw", "n", "fa:16:3e:00:00:01", fixed_ips=(FixedIp("s", "10.0.0.1"),), device_id="r",
        device_owner=ROUTER_INTERFACE, port_security_enabled=False)),
    Change("security_group", "g", SecurityGroup("g", "web")),
    Change("security_group_rule", "out", SecurityGroupRule("out", "g", "egress")),
    Change("security_group_rule", "ssh", SecurityGroupRule(
        "ssh", "g", "ingress", "IPv4", "tcp", 22, 22, remote_group_id="g")),
    *(Change("port", id, Port(
        id, "n", f"fa:16:3e:00:01:0{number}", fixed_ips=(FixedIp("s", address),),
        security_groups=("g",))) for number, (id, address) in enumerate(PORTS.items())),
)


@pytest.fixture
def live():
    controller = Controller(World(world_settings("node1", 65000, ("peer",))))
    southbound = openflow_channels(lambda event: None)
    view = LiveView(
        controller, MemoryStore(), southbound, None, lambda: {"node": "node1"}, lambda _: {}
    )
    controller.start()
    controller.post(msg.ConfigChanged(CHANGES, 1))
    info = ovs_info("hv1", "host1", "192.0.2.1", "id", "198.51.100.1")
    rows = tuple(msg.Interface(f"t{id}", id, 10 + n) for n, id in enumerate(PORTS))
    controller.post(owns("node1", "hv1"))
    controller.post(msg.ElementConnected(1, info, rows, ()))
    yield view, controller
    southbound.stop()
    controller.stop()


def test_explain_knows_states_and_routes(live):
    view, controller = live
    answer = view.explain("a", PORTS["b"], protocol="tcp", dport=22)
    assert answer["verdict"] == "unreachable" and "BUILD" in answer["reason"]
    assert [one["rules"] for one in answer["stages"] if one["rules"]] == [["out"], ["ssh"]]
    outside = view.explain("a", "203.0.113.9")
    path = next(one for one in outside["stages"] if one["stage"] == "path")
    assert path["verdict"] == "drop"
    attrs = Attributes(
        "192.0.2.99", ("65000:2000", "65000:1000"), router_mac="02:00:00:00:00:99"
    )
    controller.post(msg.PathsReceived("peer", (
        Path(IpPrefix("192.0.2.99:2", 0, "203.0.113.0/24"), attrs, (2000,)),
        Path(MacIp("192.0.2.99:1", 0, "02:00:00:00:00:09", "10.0.0.99"), attrs, (1000,)),
    ), ()))
    for to, text in (("203.0.113.9", "203.0.113.0/24"), ("10.0.0.99", "another system")):
        path = next(one for one in view.explain("a", to)["stages"] if one["stage"] == "path")
        assert path["verdict"] == "pass" and text in path["reason"]
    with pytest.raises(KeyError):
        view.explain("none", "10.0.0.1")
    with pytest.raises(ExplainError):
        view.explain("a", "none")


def test_counters_ask_for_the_objects_of_a_rule(live):
    view, controller = live
    def keys(world, rule):
        return {
            cookie(key) for key, item in world.desired.objects["hv1"].items()
            if item.kind == "rule" and rule in item.rules
        }

    for rule in ("ssh", "out"):
        expected = controller.query(lambda world, rule=rule: keys(world, rule))
        found = controller.query(lambda world, rule=rule: rule_cookies(world, rule))
        assert expected and {place: set(cookies) for place, cookies in found.items()} == {
            ("hv1", "host1"): expected}
    assert view.rule_counters("none") == []
    (one,) = view.rule_counters("ssh")  # no switch is connected here
    assert one["host"] == "host1" and "error" in one
