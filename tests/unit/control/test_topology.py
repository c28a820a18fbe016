"""From the records of a system to its topology."""

from __future__ import annotations

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from ryu_apps.control.topology.build import build

NODES = [
    {"node": "node1", "self": True, "alive": True, "url": "http://198.51.100.1:9696"},
    {"node": "node2", "alive": False, "url": "http://198.51.100.2:9696"},
]
TOR = {
    "chassis": "02:00:00:00:01:01", "port": "swp11", "system_name": "tor1",
    "system_description": "FRR", "management": ["198.51.100.239"],
    "capabilities": ["bridge", "router"],
}


def element(name: str, vtep: str, **more: Any) -> dict[str, Any]:
    return {
        "id": name, "hostname": name, "vtep": vtep, "owner": "node1", "connected": True,
        "mine": True, "ovs_version": "3.1.0", "uplinks": [], "tunnels": [], **more,
    }


def uplink(name: str, *neighbours: dict[str, Any], mac: str = "", **more: Any) -> dict[str, Any]:
    return {"name": name, "bridge": f"br-{name}", "mac": mac, "mtu": 1500, "speed": 25 * 10**9,
            "state": "up", "neighbours": list(neighbours), **more}


def tunnel(vtep: str, egress: str, bfd: str = "up", path: int = 0) -> dict[str, Any]:
    return {"vtep": vtep, "encap": "vxlan", "path": path, "bfd": bfd, "egress": egress}


def devices(found: dict[str, list]) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in found["devices"]}


def shown(elements=(), nodes=NODES, peers=None, routes=None) -> dict[str, list]:
    return build(elements, nodes, peers or {}, routes or {}).shown()


def test_an_uplink_carries_the_tunnels_that_leave_by_its_bridge() -> None:
    found = shown([
        element("hv1", "192.0.2.1", uplinks=[uplink("eth0"), uplink("eth1", state="down")],
                tunnels=[tunnel("192.0.2.2", "br-eth0"),
                         tunnel("192.0.2.9", "br-eth1", "down", 1)]),
        element("hv2", "192.0.2.2"),
    ])  # fmt: skip
    first, second = found["links"]
    assert first["a"] == {"device": "hv1", "port": "eth0"} and first["b"] is None
    assert (first["state"], first["speed"], first["mtu"]) == ("up", 25 * 10**9, 1500)
    assert first["carries"]["tunnels"] == {"total": 1, "up": 1, "down": 0}
    assert first["carries"]["shown"][0]["device"] == "hv2"
    assert second["state"] == "down" and second["carries"]["tunnels"]["down"] == 1
    assert second["carries"]["shown"][0]["device"] == "", "nobody has this VTEP address"


def test_a_rack_switch_is_one_device_by_lldp_and_bgp() -> None:
    found = shown(
        [element("hv1", "192.0.2.1", uplinks=[uplink("eth0", TOR)]),
         element("hv2", "192.0.2.2", uplinks=[uplink("eth0", TOR | {"port": "swp12"})])],
        peers={"node1": [{"name": "rack", "address": "198.51.100.239", "kind": "router",
                          "up": True, "state": "Established"}]},
        routes={"node1": [{"peer": "rack", "prefix": "192.0.2.0/24"}]},
    )  # fmt: skip
    tor = devices(found)["tor1"]
    assert (tor["kind"], tor["owner"], tor["addresses"]) == ("switch", "node1", ["198.51.100.239"])
    assert [(one["how"], one["where"]) for one in tor["known_by"]] \
        == [("bgp", ""), ("lldp", "hv1 eth0"), ("lldp", "hv2 eth0")]
    assert tor["prefixes"] == ["192.0.2.0/24"]
    assert [one["b"] for one in found["links"] if one["kind"] == "physical"] == [
        {"device": "tor1", "port": "swp11"}, {"device": "tor1", "port": "swp12"}]
    (session,) = [one for one in found["links"] if one["kind"] == "bgp"]
    assert (session["a"]["device"], session["b"]["device"]) == ("node1", "tor1")


def rack_peers(*names: str) -> dict[str, list[dict[str, Any]]]:
    return {"node1": [
        {"name": name, "address": f"198.51.100.{240 - at}", "kind": "router", "up": True}
        for at, name in enumerate(names)
    ]}  # fmt: skip


def routed(found: dict[str, list]) -> set[tuple[str, str, str]]:
    return {(one["a"]["device"], one["b"]["device"], one["detail"]) for one in found["links"]
            if one["kind"] == "routed"}


RACK_ROUTES = [
    {"peer": "tor1", "prefix": "198.18.0.2/31", "next_hop": "198.51.100.239"},
    {"peer": "tor1", "prefix": "0.0.0.0/0", "next_hop": "198.18.0.2"},
]


def test_a_router_behind_a_rack_switch_is_known_by_its_next_hop() -> None:
    found = shown(peers=rack_peers("chassis", "tor1"), routes={"node1": RACK_ROUTES})
    assert routed(found) == {("tor1", "198.18.0.2", "198.18.0.2")}
    assert devices(found)["198.18.0.2"]["known_by"] \
        == [{"how": "bgp", "node": "node1", "where": "next hop of tor1"}]


def test_a_next_hop_is_the_other_router_of_its_link() -> None:
    routes = [*RACK_ROUTES,
              {"peer": "chassis", "prefix": "198.18.0.2/31", "next_hop": "198.51.100.240"},
              {"peer": "chassis", "prefix": "198.18.1.0/24", "next_hop": "198.18.0.3"}]
    found = shown(peers=rack_peers("chassis", "tor1"), routes={"node1": routes})
    assert "198.18.0.2" not in devices(found)
    assert {frozenset(one[:2]) for one in routed(found)} == {frozenset(("tor1", "chassis"))}
    assert len(routed(found)) == 1, "told of by both, one link"


def test_two_hypervisors_on_one_cable() -> None:
    one = {"chassis": "02:00:00:00:00:01", "port": "eth0", "system_name": "hv1"}
    two = {"chassis": "02:00:00:00:00:02", "port": "eth0", "system_name": "hv2"}
    found = shown([
        element("hv1", "192.0.2.1", uplinks=[uplink("eth0", two, mac=one["chassis"])]),
        element("hv2", "192.0.2.2", uplinks=[uplink("eth0", one, mac=two["chassis"])]),
    ])
    assert [one["kind"] for one in found["devices"]] == ["hypervisor", "hypervisor", "node", "node"]
    (link,) = found["links"]
    assert {link["a"]["device"], link["b"]["device"]} == {"hv1", "hv2"}


def test_two_switches_of_one_name_stay_two() -> None:
    other = TOR | {"chassis": "02:00:00:00:02:01", "management": []}
    uplinks = [uplink("eth0", TOR), uplink("eth1", other)]
    found = shown([element("hv1", "192.0.2.1", uplinks=uplinks)])
    assert {"tor1", "tor1 (02:00:00:00:02:01)"} < devices(found).keys()


def test_who_is_known_from_configuration_alone() -> None:
    found = shown(peers={"node1": [
        {"name": "fw1", "address": "203.0.113.1", "kind": "router", "up": False, "state": "Active"},
        {"name": "node2", "address": "198.51.100.2", "kind": "node", "up": False, "state": "Idle"},
    ]})  # fmt: skip
    firewall = devices(found)["fw1"]
    assert (firewall["kind"], firewall["state"], firewall["owner"]) == ("router", "down", "node1")
    assert firewall["known_by"] == [{"how": "configuration", "node": "node1", "where": ""}]
    assert devices(found)["node2"]["kind"] == "node", "a node that is a peer stays one device"


def test_a_session_of_two_nodes_is_one_link() -> None:
    def peer(name: str, address: str) -> dict[str, Any]:
        return {"name": name, "address": address, "kind": "node", "up": True, "state": "x"}

    found = shown(peers={"node1": [peer("node2", "198.51.100.2")],
                         "node2": [peer("node1", "198.51.100.1")]})  # fmt: skip
    assert len(found["links"]) == 1


def test_what_the_owner_does_not_hear_of_is_not_known_to_be_up() -> None:
    found = shown([element("hv1", "192.0.2.1", connected=False, uplinks=[uplink("eth0")])])
    assert found["links"][0]["state"] == "unknown"
    assert devices(found)["hv1"]["state"] == "down"


def test_a_refused_session_is_no_device() -> None:
    assert not shown([element("hv1", "192.0.2.1", refused="no system-id")], nodes=[])["devices"]


ELEMENTS = [
    element("hv1", "192.0.2.1", uplinks=[uplink("eth0", TOR)],
            tunnels=[tunnel(f"192.0.2.{n}", "br-eth0") for n in (2, 3)]),
    element("hv2", "192.0.2.2", uplinks=[uplink("eth0", TOR | {"port": "swp12"})]),
    element("hv3", "192.0.2.3"),
]  # fmt: skip


@given(st.permutations(ELEMENTS), st.permutations(NODES))
def test_the_order_of_what_is_told_does_not_matter(elements, nodes) -> None:
    before = copy.deepcopy((elements, nodes))
    assert shown(elements, nodes) == shown(ELEMENTS, NODES)
    assert (elements, nodes) == before


VALUES = st.sampled_from([None, True, 7, "x", "hv1", [], ["x"], [7], {}, {"x": 7}])


def records(*names: str) -> st.SearchStrategy[list[dict]]:
    made = st.fixed_dictionaries({}, optional=dict.fromkeys(names, VALUES))
    return st.lists(made | VALUES, max_size=2)


def with_lists(*names: str, **lists: st.SearchStrategy) -> st.SearchStrategy[list[dict]]:
    return st.lists(st.fixed_dictionaries(
        {}, optional={**dict.fromkeys(names, VALUES),
                      **{name: some | VALUES for name, some in lists.items()}}), max_size=2)


NEIGHBOURS = records("chassis", "port", "system_name", "management", "capabilities")
UPLINKS = with_lists("name", "bridge", "mac", "mtu", "speed", "state", neighbours=NEIGHBOURS)
TUNNELS = records("vtep", "path", "encap", "bfd", "egress")
ELEMENT_RECORDS = with_lists("id", "hostname", "vtep", "vteps", "owner", "connected", "refused",
                             "ovs_version", uplinks=UPLINKS, tunnels=TUNNELS)
NODE_RECORDS = with_lists("node", "name", "url", "alive", "self", "router_id")
PEER_RECORDS = with_lists("address", "name", "up", "kind", "state")
ROUTE_RECORDS = with_lists("peer", "prefix", "next_hop")


@given(ELEMENT_RECORDS, NODE_RECORDS, PEER_RECORDS, ROUTE_RECORDS)
def test_whatever_another_version_says_there_is_an_answer(elements, nodes, peers, routes) -> None:
    build(elements, nodes, {"node1": peers}, {"node1": routes}).shown()
