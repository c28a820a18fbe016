"""vnctl explain and vnctl rule-counters."""

from __future__ import annotations

import json

import pytest

from ryu_apps.cli.vnctl import main
from tests.unit.cli.vnctl_support import runner
from tests.unit.northbound.api_client import Node


@pytest.fixture
def node():
    one = Node()
    network = one.make("network", name="n")
    one.make("subnet", network_id=network["id"], cidr="10.0.1.0/24")
    for name in ("web1", "web2"):
        one.make("port", network_id=network["id"], name=name)
    yield one
    one.close()


@pytest.fixture
def run(node, capsys):
    return runner(node, capsys)


def test_explain(run, node):
    shown = run("explain", "web1", "--to", "10.0.1.3", "--tcp", "22")
    default = node.get("/v2.0/security-groups")["security_groups"][0]
    (allowing,) = (one["id"] for one in default["security_group_rules"]
                   if one["direction"] == "ingress" and one["ethertype"] == "IPv4")
    assert "ALLOWED" in shown and allowing in shown and "web1 (10.0.1.2)" in shown
    node.call("DELETE", f"/v2.0/security-group-rules/{allowing}")
    node.call("POST", "/v2.0/security-group-rules", {"security_group_rule": {
        "security_group_id": default["id"], "direction": "ingress", "protocol": "udp",
        "port_range_min": 53, "port_range_max": 53}})
    shown = run("explain", "web1", "--to", "web2", "--tcp", "22", status=1)
    assert "DENIED: ingress rules" in shown and "nearest of the ingress rules" in shown
    assert "udp 53 allowed: not tcp 22" in shown
    data = json.loads(run("explain", "web1", "--to", "web2", "--udp", "53", "--json"))
    assert data["verdict"] == "allowed" and data["packet"] == "udp 53"
    assert "UNREACHABLE" in run("explain", "web1", "--to", "192.0.2.1", "--icmp", status=1)
    assert "anti-spoof" in run("explain", "web1", "--to", "web2", "--from", "10.0.1.9", status=1)
    assert "icmp" in run("explain", "web1", "--to", "web2", status=1)
    assert "protocol 47" in run("explain", "web1", "--to", "web2", "--protocol", "gre", status=1)
    assert "no port has" in run("explain", "none", "--to", "web2", status=3)
    assert "no IP address" in run("explain", "web1", "--to", "none", status=3)
    with pytest.raises(SystemExit):
        main(["explain", "web1", "--to", "web2", "--tcp", "70000"])


def test_rule_counters(run, node):
    rule = node.get("/v2.0/security-group-rules")["security_group_rules"][0]["id"]
    node.view.counters[rule] = [{"element": "e1", "host": "host1", "packets": 3, "bytes": 300}]
    node.view.nodes = lambda: []
    assert "host1" in run("rule-counters", rule) and "300" in run("rule-counters", rule)
    node.view.counters[rule].append({"element": "e2", "host": "host2", "error": "gone"})
    assert "not counted: host2: gone" in run("rule-counters", rule, status=1)
    assert "could not be found" in run("rule-counters", "none", status=3)
