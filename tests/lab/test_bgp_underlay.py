"""FRR as a rack switch that announces the routes of its fabric: they are seen, and used for
nothing."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from lab.topology import MGMT, Lab
from lab.wait import wait_until

RACK, ASN, RACK_V6 = f"{MGMT}61", 65001, "fd00:51::61"
FAMILIES = "ipv4-unicast,ipv6-unicast"


BGPD = f"""router bgp {ASN}
 bgp router-id {RACK}
 no bgp ebgp-requires-policy
 neighbor {MGMT}1 remote-as 64512
 neighbor {MGMT}1 timers 1 3
 neighbor {MGMT}1 timers connect 1
 address-family ipv4 unicast
  redistribute static
 exit-address-family
 address-family ipv6 unicast
  redistribute static
  neighbor {MGMT}1 activate
 exit-address-family
"""
STATIC = f"""ip route 10.61.0.0/16 {MGMT}62
ip route 10.61.7.0/24 blackhole
ip route 192.0.2.128/25 {MGMT}62
ipv6 route fd00:61::/32 blackhole
"""


class Rack:
    def __init__(self, lab: Lab) -> None:
        self.client = lab.nodes["node1"].client
        self.frr = lab.add_frr("rack1", 61, BGPD, {"staticd": STATIC})
        self.frr.space.run(["sysctl", "-qw", "net.ipv6.conf.mgmt0.disable_ipv6=0"])
        self.frr.space.batch([f"address add {RACK_V6}/64 dev mgmt0 nodad"])
        self.wait_routes(4)

    def routes(self, **query: str) -> list[dict[str, Any]]:
        return self.client.v1("rib", peer="rack1", **query)

    def wait_routes(self, count: int) -> None:
        wait_until(lambda: len(self.routes()) == count, f"{count} routes of the rack", 20)

    def counter(self, name: str) -> int:
        (peer,) = [one for one in self.client.v1("peers") if one["name"] == "rack1"]
        return peer["counters"].get(name, 0)

    def configure(self, *commands: str) -> None:
        self.frr.vtysh("configure terminal", *commands)


@pytest.fixture(scope="module")
def rack() -> Iterator[Rack]:
    with Lab(
        f"vncu{os.getpid()}", nodes={"node1": ("hv1",)}, api_ports=(0,), store="memory",
        settings={"bgp": (
            f"peer = {RACK} remote-as {ASN} name rack1 hold-time 3 families {FAMILIES}",
        )},
    ) as lab:  # fmt: skip
        made = Rack(lab)
        yield made
        made.frr.stop()


def test_static_routes_of_the_fabric_are_in_the_underlay_table(rack: Rack) -> None:
    found = {route["prefix"]: route for route in rack.routes()}
    assert set(found) == {"10.61.0.0/16", "10.61.7.0/24", "192.0.2.128/25", "fd00:61::/32"}
    one, other = found["10.61.0.0/16"], found["fd00:61::/32"]
    assert (one["family"], one["type"], one["as_path"]) == ("ipv4-unicast", None, [ASN])
    assert (one["best"], one["stale"], one["labels"], one["encaps"]) == (True, False, [], [])
    # One hop away on the link that both are on: FRR names the router behind itself.
    assert (one["next_hop"], found["10.61.7.0/24"]["next_hop"]) == (f"{MGMT}62", RACK)
    assert (other["family"], other["next_hop"]) == ("ipv6-unicast", RACK_V6)
    assert all(not route["evi"] and not route["vrf"] and not route["hint"] for route in
               found.values())
    assert [route["prefix"] for route in rack.routes(family="ipv6-unicast")] == ["fd00:61::/32"]
    assert not rack.routes(family="l2vpn-evpn")
    (peer,) = [one for one in rack.client.v1("peers") if one["name"] == "rack1"]
    assert peer["families"] == FAMILIES.split(",") and peer["kind"] == "router"


def test_nothing_is_announced_into_it_and_nothing_is_programmed(rack: Rack) -> None:
    network = rack.client.create("network", name="u")
    rack.client.create("subnet", network_id=network["id"], cidr="10.61.7.0/24", ip_version=4)
    for family in ("ipv4", "ipv6"):
        summary = rack.frr.json(f"show bgp {family} unicast summary")["peers"][f"{MGMT}1"]
        assert summary["pfxRcd"] == 0 and summary["state"] == "Established"
    (vrouter,) = rack.client.v1("elements")
    objects = rack.client.v1(f"vrouters/{vrouter['element']}/objects")
    assert not [one for one in objects if "10.61." in str(one) or MGMT + "62" in str(one)]


def test_changes_and_the_end_of_a_session_are_followed(rack: Rack) -> None:
    rack.configure("no ip route 10.61.7.0/24 blackhole", "ip route 10.61.8.0/24 blackhole",
                   "ipv6 route fd00:62::/32 blackhole")
    wait_until(lambda: {route["prefix"] for route in rack.routes()} == {
        "10.61.0.0/16", "10.61.8.0/24", "192.0.2.128/25", "fd00:61::/32", "fd00:62::/32"},
        "the changed routes", 20)
    assert rack.counter("end_of_rib_received") == 2
    # FRR announces graceful restart as a helper alone, for no family: nothing is kept.
    rack.frr.daemons["bgpd"].stop()
    rack.wait_routes(0)
    rack.frr.daemons["bgpd"].start()
    rack.wait_routes(5)
    assert rack.counter("end_of_rib_received") == 4
