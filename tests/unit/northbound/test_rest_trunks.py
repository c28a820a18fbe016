"""Trunks and their subports: ``/v2.0/trunks``, as Neutron's extensions "trunk" and
"trunk-details"."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from ryu_apps.northbound.base import PortState
from tests.unit.northbound.api_client import Node


class Api:
    """Of one node with a network; ports have no addresses."""

    def __init__(self) -> None:
        self.node = Node()
        self.network = self.node.make("network", shared=True)["id"]

    def port(self, **fields: Any) -> str:
        fields = {"network_id": self.network, "fixed_ips": [], **fields}
        return self.node.make("port", **fields)["id"]

    def trunk(self, parent: str, *subs: dict[str, Any], **fields: Any) -> dict[str, Any]:
        body = {"trunk": {"port_id": parent, "sub_ports": list(subs), **fields}}
        return self.node.call("POST", "/v2.0/trunks", body)["trunk"]

    def show(self, path: str) -> dict[str, Any]:
        (found,) = self.node.get(f"/v2.0/{path}").values()
        return found

    def change(self, trunk: str, action: str, *subs: dict[str, Any]) -> dict[str, Any]:
        return self.node.call("PUT", f"/v2.0/trunks/{trunk}/{action}", {"sub_ports": list(subs)})

    def refused(
        self, method: str, path: str, body: Any, status: int, type: str, project: str = ""
    ) -> str:
        headers = {"X-Project-Id": project} if project else {}
        return self.node.refused(method, f"/v2.0/{path}", body, status, type, headers=headers)


@pytest.fixture(scope="module")
def api() -> Iterator[Api]:
    made = Api()
    yield made
    made.node.close()


def sub(port: str, vlan: Any, **fields: Any) -> dict[str, Any]:
    return {"port_id": port, "segmentation_type": "vlan", "segmentation_id": vlan, **fields}


def test_a_trunk_and_what_its_ports_say(api):
    parent, one, two = api.port(), api.port(), api.port()
    trunk = api.trunk(parent, sub(one, 10), name="t")
    assert trunk["status"] == "DOWN" and trunk["sub_ports"] == [sub(one, 10)]
    shown = api.show(f"ports/{one}")
    assert (shown["device_owner"], shown["device_id"]) == ("trunk:subport", trunk["id"])
    assert "trunk_details" not in shown
    # The answer of an action has no name around it.
    added = api.change(trunk["id"], "add_subports", sub(two, "20"))
    assert added["sub_ports"] == [sub(one, 10), sub(two, 20)]
    assert added["revision_number"] == trunk["revision_number"] + 1
    assert api.show(f"ports/{parent}")["trunk_details"] == {
        "trunk_id": trunk["id"], "sub_ports": [
            {**sub(port, vlan), "mac_address": api.show(f"ports/{port}")["mac_address"]}
            for port, vlan in ((one, 10), (two, 20))]}
    left = api.change(trunk["id"], "remove_subports", {"port_id": one})
    assert left["sub_ports"] == [sub(two, 20)]
    assert api.node.get(f"/v2.0/trunks/{trunk['id']}/get_subports") == {
        "sub_ports": [sub(two, 20)]}
    shown = api.show(f"ports/{one}")
    assert (shown["device_owner"], shown["device_id"]) == ("", "")
    api.node.call("DELETE", f"/v2.0/trunks/{trunk['id']}")
    assert api.show(f"ports/{two}")["device_id"] == ""
    for port in (parent, one, two):
        api.node.call("DELETE", f"/v2.0/ports/{port}")


@pytest.mark.parametrize("vlan", [0, 4095, -1, 5000])
def test_what_is_no_vlan(api, vlan):
    parent, port = api.port(), api.port()
    body = {"trunk": {"port_id": parent, "sub_ports": [sub(port, vlan)]}}
    api.refused("POST", "trunks", body, 400, "InvalidInput")
    assert not api.node.get(f"/v2.0/trunks?port_id={parent}")["trunks"]
    assert api.show(f"ports/{port}")["device_owner"] == ""


def test_what_a_request_must_say(api):
    parent, one, two = api.port(), api.port(), api.port()
    for subs, type in (
        ([{"port_id": one}], "InvalidInput"),
        ([{"port_id": one, "segmentation_type": "vlan"}], "InvalidInput"),
        ([{"port_id": one, "segmentation_id": 1}], "InvalidInput"),
        ([sub(one, 1, segmentation_type="vxlan")], "InvalidInput"),
        ([sub(one, 1, segmentation_type="inherit")], "InvalidInput"),
        ([sub(one, 1), sub(two, 1)], "HTTPBadRequest"),
        ([sub(one, 1), sub(one, 2)], "HTTPBadRequest"),
    ):
        body = {"trunk": {"port_id": parent, "sub_ports": subs}}
        api.refused("POST", "trunks", body, 400, type)
    nobody = "00000000-0000-0000-0000-000000000000"
    body = {"trunk": {"port_id": parent, "sub_ports": [sub(nobody, 1)]}}
    api.refused("POST", "trunks", body, 404, "PortNotFound")
    api.refused("POST", "trunks", {"trunk": {"port_id": nobody}}, 404, "PortNotFound")
    for port in (parent, one, two):
        assert api.show(f"ports/{port}")["device_owner"] == ""


def test_a_port_is_in_one_trunk(api):
    parent, one, other, free = api.port(), api.port(), api.port(), api.port()
    trunk = api.trunk(parent, sub(one, 10))["id"]
    path = f"trunks/{trunk}/add_subports"
    for port, vlan, type in (
        (parent, 20, "ParentPortInUse"), (one, 20, "TrunkPortInUse"), (free, 10, "DuplicateSubPort")
    ):
        api.refused("PUT", path, {"sub_ports": [sub(other, 30), sub(port, vlan)]}, 409, type)
    assert api.show(f"ports/{other}")["device_owner"] == ""
    for port, type in ((parent, "ParentPortInUse"), (one, "TrunkPortInUse")):
        api.refused("POST", "trunks", {"trunk": {"port_id": port}}, 409, type)
    # A trunk in a trunk.
    second = api.trunk(other)["id"]
    api.refused("PUT", path, {"sub_ports": [sub(other, 20)]}, 409, "ParentPortInUse")
    body = {"trunk": {"port_id": free, "sub_ports": [sub(free, 1)]}}
    api.refused("POST", "trunks", body, 409, "ParentPortInUse")
    used = api.port(device_id="vm")
    api.refused("PUT", path, {"sub_ports": [sub(used, 20)]}, 409, "PortInUse")
    for port, type in ((parent, "PortInUseAsTrunkParent"), (one, "PortInUseAsSubPort")):
        api.refused("DELETE", f"ports/{port}", None, 409, type)
    api.refused("PUT", f"trunks/{trunk}/remove_subports", {"sub_ports": [{"port_id": free}]},
                404, "SubPortNotFound")
    api.node.call("DELETE", f"/v2.0/trunks/{second}")
    api.change(trunk, "add_subports", sub(other, 20))


def test_a_router_and_a_trunk_do_not_share_a_port(api):
    subnet = api.node.make("subnet", network_id=api.network, cidr="10.9.0.0/24")["id"]
    router = api.node.make("router")["id"]
    path = f"routers/{router}/add_router_interface"
    parent = api.port(fixed_ips=[{"subnet_id": subnet}])
    api.trunk(parent)
    api.refused("PUT", path, {"port_id": parent}, 409, "PortInUseAsTrunkParent")
    interface = api.node.call("PUT", f"/v2.0/{path}", {"subnet_id": subnet})["port_id"]
    api.refused("POST", "trunks", {"trunk": {"port_id": interface}}, 409, "ParentPortInUse")


def test_one_that_is_disabled_is_not_changed(api):
    parent, one, two = api.port(), api.port(), api.port()
    trunk = api.trunk(parent, sub(one, 10), admin_state_up=False)["id"]
    for action, subs in (("add_subports", [sub(two, 20)]), ("remove_subports", [sub(one, 10)])):
        body = {"sub_ports": subs}
        api.refused("PUT", f"trunks/{trunk}/{action}", body, 409, "TrunkDisabled")
    api.refused("DELETE", f"trunks/{trunk}", None, 409, "TrunkDisabled")
    api.node.call("PUT", f"/v2.0/trunks/{trunk}", {"trunk": {"admin_state_up": True}})
    api.node.call("DELETE", f"/v2.0/trunks/{trunk}")


def test_a_subport_takes_no_larger_packets_than_its_parent(api):
    small = api.node.make("network", mtu=1300)["id"]
    parent, port = api.port(network_id=small), api.port()
    body = {"trunk": {"port_id": parent, "sub_ports": [sub(port, 10)]}}
    api.refused("POST", "trunks", body, 409, "SubPortMtuGreaterThanTrunkPortMtu")
    api.trunk(api.port(), sub(api.port(network_id=small), 10))


def test_ports_of_others_are_not_there(api):
    theirs = api.port(project_id="them")
    body = {"trunk": {"port_id": theirs}}
    api.refused("POST", "trunks", body, 404, "PortNotFound", project="us")
    mine = api.port(project_id="us")
    body = {"trunk": {"port_id": mine, "sub_ports": [sub(theirs, 1)]}}
    api.refused("POST", "trunks", body, 404, "PortNotFound", project="us")


def test_the_state_is_that_of_its_ports(api):
    parent, one, two = api.port(), api.port(), api.port()
    trunk = api.trunk(parent, sub(one, 10), sub(two, 20))["id"]
    states = api.node.view.states
    for given, wanted in (
        (("DOWN", "DOWN", "DOWN"), "DOWN"), (("BUILD", "DOWN", "DOWN"), "BUILD"),
        (("ACTIVE", "BUILD", "ACTIVE"), "BUILD"), (("ACTIVE", "ERROR", "ACTIVE"), "DEGRADED"),
        (("ACTIVE", "ACTIVE", "ACTIVE"), "ACTIVE"), (("ERROR", "DOWN", "DOWN"), "ERROR"),
    ):
        for port, status in zip((parent, one, two), given, strict=True):
            states[port] = PortState(status, "")
        assert api.show(f"trunks/{trunk}")["status"] == wanted
        found = api.node.get(f"/v2.0/trunks?status={wanted}&id={trunk}")["trunks"]
        assert [item["id"] for item in found] == [trunk]


def test_the_form_is_looked_at_before_the_ports(api):
    nobody = "00000000-0000-0000-0000-000000000000"
    for subs in ([{"port_id": nobody, "segmentation_type": "vlan"}], [sub(nobody, 1)] * 2):
        body = {"trunk": {"port_id": nobody, "sub_ports": subs}}
        api.node.call("POST", "/v2.0/trunks", body, 400)


def test_one_inherits_the_vlan_of_its_network(api):
    network = api.node.make("network", **{
        "provider:network_type": "vlan", "provider:physical_network": "physnet1",
        "provider:segmentation_id": 77})["id"]
    port = api.port(network_id=network)
    body = {"port_id": port, "segmentation_type": "inherit"}
    made = api.trunk(api.port(network_id=network), body)
    assert made["sub_ports"] == [sub(port, 77)]
