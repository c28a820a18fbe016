"""Limits of ports: which policy one is held to, and what its vrouter has of it."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, Network, Port, QosRule
from ryu_apps.control.config.qos import (
    LEAST_BURST,
    NO_LIMITS,
    Limit,
    limits_of,
    policy_limits,
    policy_of,
    ports_with,
)
from ryu_apps.control.config.resources.qos.qos_rules import (
    QosBandwidthLimitRule,
    QosDscpMarkingRule,
    QosMinimumBandwidthRule,
    QosPacketRateLimitRule,
)
from ryu_apps.control.explain.explain import explain
from ryu_apps.control.explain.forwarding import Forwarding
from ryu_apps.views.checks.limits import of
from tests.unit.control.ports_support import node, port
from vrouter_ovs.state import Limits, MeterPool
from vrouter_ovs.state.limits import RECEIVED, SENT, is_limit_meter, limit_meter
from vrouter_ovs.state.meters import KILOBITS, PACKETS, meter_pools, meters

RULES: tuple[QosRule, ...] = (
    QosBandwidthLimitRule("r1", "gold", 1000),
    QosBandwidthLimitRule("r2", "gold", 5000, 9000, "ingress"),
    QosPacketRateLimitRule("r3", "gold", 2),
    QosDscpMarkingRule("r4", "gold", 46),
    QosMinimumBandwidthRule("r5", "gold", 10),
    QosBandwidthLimitRule("r6", "slow", 10),
)


def kind_of(rule: QosRule) -> str:
    return f"{rule.type}_rule"


def config(*changes: tuple[str, Any]) -> Config:
    made = Config()
    for kind, item in (*((kind_of(rule), rule) for rule in RULES), *changes):
        made.apply(Change(kind, item.id, item))
    return made


def test_what_follows_of_a_policy():
    found = policy_limits(config(), "gold")
    assert found.sent == (Limit(KILOBITS, 1000, 800), Limit(PACKETS, 2000, 1600))
    assert found.received == (Limit(KILOBITS, 5000, 9000),)
    assert found.mark == 46
    # As much at once as a VM hands over as one packet.
    assert policy_limits(config(), "slow").sent == (Limit(KILOBITS, 10, LEAST_BURST),)
    assert policy_limits(config(), "none") == NO_LIMITS


def test_no_limit_is_none():
    made = config(("bandwidth_limit_rule", replace(RULES[5], max_kbps=0, max_burst_kbps=7)))
    assert policy_limits(made, "slow") == NO_LIMITS


def test_numbers_that_no_meter_has_are_its_largest():
    made = config(("packet_rate_limit_rule", QosPacketRateLimitRule("r7", "slow", 2**31 - 1)))
    assert policy_limits(made, "slow").sent[1] == Limit(PACKETS, 2**32 - 1, 2**32 - 1)


@given(st.permutations(RULES[:4]))
def test_the_order_of_rules_does_not_matter(rules):
    made = Config()
    for rule in rules:
        made.apply(Change(kind_of(rule), rule.id, rule))
    assert policy_limits(made, "gold") == policy_limits(config(), "gold")


@pytest.mark.parametrize(("own", "network", "owner"), itertools.product(
    ("", "gold"), ("", "slow"), ("compute:nova", "network:dhcp"),
))  # fmt: skip
def test_a_port_is_held_to_its_own_policy_or_its_networks(own, network, owner):
    held = Port("p", "n", "fa:16:3e:00:00:01", device_owner=owner, qos_policy_id=own)
    made = config(("network", Network("n", 1, 1, qos_policy_id=network)), ("port", held))
    wanted = own or ("" if owner.startswith("network:") else network)
    assert policy_of(made, held) == wanted
    assert limits_of(made, held) == (policy_limits(made, wanted) if wanted else NO_LIMITS)
    if not owner.startswith("network:"):
        for policy in ("gold", "slow"):
            assert list(ports_with(made, policy)) == (["p"] if policy == wanted else [])


def test_meters_of_limits_are_nobody_elses():
    numbers = [
        limit_meter(ofport, direction, unit)
        for ofport in (1, 2, 0xFEFF, 0x3FFFFF) for direction in (SENT, RECEIVED)
        for unit in (KILOBITS, PACKETS)
    ]
    assert len(set(numbers)) == len(numbers) and all(map(is_limit_meter, numbers))
    assert not any(map(is_limit_meter, meters(meter_pools(0))))


def of_limits(one: Any, element: str = "e0") -> dict[Any, Any]:
    return {
        key: item for key, item in one.tables[element].items()
        if type(item) is Limits or (type(item) is MeterPool and is_limit_meter(item.first))
    }


def test_a_vrouter_has_the_limits_of_its_ports_and_follows_their_changes():
    one = node()
    one.bind("e0", "tap0", "vm", 5)
    one.bind("e0", "tap1", "other", 6)
    one.flush()
    assert of_limits(one) == {}
    for rule in RULES:
        one.set(kind_of(rule), rule.id, rule)
    vm = one.inputs.config["port", "vm"]
    one.set("port", "vm", replace(vm, qos_policy_id="gold"))
    one.flush()
    found = of_limits(one)
    assert found["limits", "vm"] == Limits("vm", 5, (KILOBITS, PACKETS), (KILOBITS,), 46)
    pools = {item.first: item.config for item in found.values() if type(item) is MeterPool}
    assert pools == {
        limit_meter(5, SENT, KILOBITS): (1000, 800, KILOBITS),
        limit_meter(5, SENT, PACKETS): (2000, 1600, PACKETS),
        limit_meter(5, RECEIVED, KILOBITS): (5000, 9000, KILOBITS),
    }
    # Another rate is another meter of the same number, and no flow.
    one.set("bandwidth_limit_rule", "r1", replace(RULES[0], max_kbps=2000))
    one.flush()
    after = of_limits(one)
    assert after["limits", "vm"] == found["limits", "vm"] and after.keys() == found.keys()
    changed = {key for key in after if after[key] != found[key]}
    assert changed == {("meterpool", "vm sent kilobits")}
    one.set("bandwidth_limit_rule", "r2", None)
    one.flush()
    assert of_limits(one)["limits", "vm"] == Limits("vm", 5, (KILOBITS, PACKETS), (), 46)
    one.set("port", "vm", vm)
    one.flush()
    assert of_limits(one) == {}


def test_a_networks_policy_is_that_of_its_ports_which_take_it_along():
    one = node()
    one.bind("e0", "tap0", "vm", 5)
    one.flush()
    one.set("bandwidth_limit_rule", "r6", RULES[5])
    network = one.inputs.config["network", one.inputs.config["port", "vm"].network_id]
    one.set("network", network.id, replace(network, qos_policy_id="slow"))
    one.flush()
    assert of_limits(one)["limits", "vm"] == Limits("vm", 5, (KILOBITS,))
    one.bind("e0", "tap0", "vm", 9)
    one.flush()
    found = of_limits(one)
    assert found["limits", "vm"].ofport == 9
    assert found["meterpool", "vm sent kilobits"].first == limit_meter(9, SENT, KILOBITS)
    one.set("port", "vm", None)
    one.flush()
    assert of_limits(one) == {}


def test_explain_names_the_limits_on_the_way_and_what_the_switch_says():
    one = node()
    one.bind("e0", "tap0", "vm", 5)
    one.set("port", "other", port("other"))
    one.bind("e0", "tap1", "other", 6)
    for rule in RULES:
        one.set(kind_of(rule), rule.id, rule)
    for id, policy in (("vm", "gold"), ("other", "gold")):
        one.set("port", id, replace(port(id), qos_policy_id=policy))
    one.flush()
    one.ack("e0")
    one.flush()
    world = one.world

    def stages() -> dict[str, str]:
        found = explain(world.config, "vm", "other", observed=Forwarding(world))
        return {stage["stage"]: stage["reason"] for stage in found["stages"]}

    found = stages()
    assert found["egress limits"].startswith(
        "at most 1000 kbit/s, 800 kbit at once, at most 2000 packets/s, 1600 packets at once, "
        "marked with the DSCP 46: its QoS policy")
    assert "at most 5000 kbit/s" in found["ingress limits"]
    assert "not so now" not in found["egress limits"]
    assert of(world).ok
    one.refuse("e0", ("meterpool", "vm sent kilobits"))
    one.settle()
    assert "refused" in stages()["egress limits"]
    check = of(world)
    assert not check.ok and "port vm at" in check.detail
