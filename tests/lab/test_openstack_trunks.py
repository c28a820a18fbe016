"""The real clients against trunks."""

from __future__ import annotations

import openstack

from tests.lab.openstack_support import read, run


def test_the_command_line(node):
    run(node, "network", "create", "red")
    for name in ("parent", "one", "two"):
        run(node, "port", "create", "--network", "red", name)
    made = read(node, "network", "trunk", "create", "--parent-port", "parent", "--subport",
                "port=one,segmentation-type=vlan,segmentation-id=10", "t")
    assert made["status"] == "DOWN" and len(made["sub_ports"]) == 1
    run(node, "network", "trunk", "set", "--subport",
        "port=two,segmentation-type=vlan,segmentation-id=20", "--name", "u", "t")
    found = read(node, "network", "subport", "list", "--trunk", "u")
    assert [one["Segmentation ID"] for one in found] == [10, 20]
    assert "not eligible" in run(
        node, "network", "trunk", "set", "--subport",
        "port=parent,segmentation-type=vlan,segmentation-id=30", "u", ok=False,
    )
    shown = read(node, "port", "show", "parent")["trunk_details"]
    assert {one["segmentation_id"] for one in shown["sub_ports"]} == {10, 20}
    run(node, "network", "trunk", "unset", "--subport", "one", "u")
    assert len(read(node, "network", "trunk", "show", "u")["sub_ports"]) == 1
    run(node, "network", "trunk", "set", "--disable", "u")
    assert "disabled" in run(node, "network", "trunk", "delete", "u", ok=False)
    run(node, "network", "trunk", "set", "--enable", "u")
    run(node, "network", "trunk", "delete", "u")
    assert read(node, "network", "trunk", "list") == []


def test_sdk(node):
    cloud = openstack.connection.Connection(
        auth_type="none", endpoint=node.url, network_endpoint_override=f"{node.url}/v2.0"
    )
    api = cloud.network
    network = api.create_network(name="n")
    parent, one, two = (api.create_port(network_id=network.id) for _ in range(3))
    trunk = api.create_trunk(port_id=parent.id)
    for vlan, port in enumerate((one, two), 10):
        trunk = api.add_trunk_subports(trunk, [
            {"port_id": port.id, "segmentation_type": "vlan", "segmentation_id": vlan}])
    assert len(trunk.sub_ports) == 2
    assert len(api.get_trunk_subports(trunk)["sub_ports"]) == 2
    assert api.get_port(parent).trunk_details["trunk_id"] == trunk.id
    trunk = api.delete_trunk_subports(trunk, [{"port_id": one.id}])
    assert [sub["port_id"] for sub in trunk.sub_ports] == [two.id]
    api.delete_trunk(trunk)
    assert api.get_port(two).device_owner == ""
