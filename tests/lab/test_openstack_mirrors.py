"""The ``openstack`` command with tap mirrors, tap services and tap flows."""

from __future__ import annotations

from tests.lab.openstack_support import read, run
from tests.unit.northbound.api_client import Node


def test_mirrors(node: Node) -> None:
    run(node, "network", "create", "watched")
    ports = [read(node, "port", "create", "--network", "watched", f"p{n}")["id"] for n in (1, 2)]
    made = read(node, "tap", "mirror", "create", "--port", "p1", "--name", "m", "--mirror-type",
                "erspanv1", "--remote-ip", "198.51.100.9", "--directions", "IN=7", "--directions",
                "OUT=8")  # fmt: skip
    assert (made["port_id"], made["directions"]) == (ports[0], {"IN": 7, "OUT": 8})
    run(node, "tap", "mirror", "update", "--description", "d", "m")
    assert [one["Name"] for one in read(node, "tap", "mirror", "list")] == ["m"]
    service = read(node, "tap", "service", "create", "--port", "p2", "--name", "s")
    flow = read(node, "tap", "flow", "create", "--port", "p1", "--tap-service", "s",
                "--direction", "BOTH", "--name", "f")  # fmt: skip
    assert flow["tap_service_id"] == service["id"] and flow["source_port"] == ports[0]
    assert [one["Name"] for one in read(node, "tap", "flow", "list")] == ["f"]
    assert read(node, "tap", "service", "show", "s")["port_id"] == ports[1]
    for words in (("flow", "delete", "f"), ("service", "delete", "s"), ("mirror", "delete", "m")):
        run(node, "tap", *words)
    for kind in ("flow", "service", "mirror"):
        assert read(node, "tap", kind, "list") == []
