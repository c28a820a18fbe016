"""Ports in the World: from a claim to objects, and after the acknowledgement to routes."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import ROUTER_INTERFACE, Change, FixedIp, Network, Port, Router
from ryu_apps.control.routes import Attributes, Imet
from tests.hops import bridged
from tests.property.world_model import local_paths, target
from tests.unit.control.ports_support import (
    ADDRESSES,
    FAR,
    MACS,
    ROUTE,
    competing,
    node,
    port,
    refusals,
)
from vrouter_ovs.state import OWNER_PORT, Endpoint, Evi, Flood, LocalPort, Neighbor, RemoteMac


def test_a_claim_becomes_objects_and_after_the_acknowledgement_routes():
    one = node()
    one.bind("e0", "tap0", "vm", 5)
    one.flush()
    objects = one.tables["e0"]
    assert objects["evi", 101] == Evi(101)
    assert objects["port", "vm"] == LocalPort(
        "vm", 5, 101, MACS["vm"], ((MACS["vm"], ADDRESSES["vm"]),)
    )
    assert objects["neighbor", 101, ADDRESSES["vm"]] == Neighbor(
        101, ADDRESSES["vm"], MACS["vm"], remote=False, ofport=5, owner=OWNER_PORT
    )
    assert objects["flood", 101] == Flood(101, (5,))
    assert not one.announced, "the switch has not confirmed"
    one.ack("e0")
    one.flush()
    assert one.announced.keys() == {ROUTE, Imet("172.16.0.1:1", 0, "172.16.0.1")}
    assert one.announced[ROUTE].attrs == Attributes("172.16.0.1", (target(101),))
    assert one.announced[ROUTE].labels == (101,)


def test_an_older_acknowledgement_does_not_announce():
    one = node()
    one.bind("e0", "tap0", "vm")
    one.flush()
    one.ack("e0", one.revisions["e0"] - 1)
    one.flush()
    assert not one.announced


def test_a_refused_port_is_not_announced():
    one = node()
    one.bind("e0", "tap0", "vm")
    one.flush()
    one.refuse("e0", ("port", "vm"))
    one.settle()
    assert not one.announced
    assert refusals(one) == {("e0", ("port", "vm")): "no space"}
    notices = [effect for effect in one.effects if isinstance(effect, msg.Notice)]
    assert all(notice.level == "error" for notice in notices)


def test_a_refused_port_stays_refused_while_only_its_router_changes():
    one = node()
    one.bind("e0", "tap0", "vm")
    one.flush()
    one.refuse("e0", ("port", "vm"))
    one.set("router", "router", Router("router", 201, 11))
    one.set("port", "gw", Port(
        "gw", "net", "fa:16:3e:00:00:01", fixed_ips=(FixedIp("a", "10.0.0.1"),),
        device_id="router", device_owner=ROUTER_INTERFACE,
    ))
    one.settle()
    assert ROUTE not in one.announced
    assert refusals(one) == {("e0", ("port", "vm")): "no space"}


def test_a_refused_port_is_tried_again_when_it_changes():
    one = node()
    one.bind("e0", "tap0", "vm")
    one.flush()
    one.refuse("e0", ("port", "vm"))
    one.settle()
    one.bind("e0", "tap0", "vm", 9)
    one.settle()
    assert ROUTE in one.announced and not refusals(one)


def test_a_late_refusal_from_where_the_port_was_changes_nothing():
    one = node("e0", "e1")
    one.bind("e0", "tap0", "vm")
    one.flush()
    one.interface("e0", "tap0", None)
    one.bind("e1", "tap0", "vm")
    one.settle()
    before = dict(one.announced)
    one.refuse("e0", ("port", "vm"))
    one.settle()
    assert one.announced == before and before
    assert not refusals(one)


def test_addresses_exchanged_in_one_commit_are_both_announced():
    for order in (("vm", "other"), ("other", "vm")):
        one = node()
        one.set("port", "other", port("other"))
        for number, id in enumerate(order):
            one.bind("e0", f"tap{number}", id)
        one.settle()
        before = set(one.announced)
        one.configure(
            Change("port", "vm", replace(port("other"), id="vm")),
            Change("port", "other", replace(port("vm"), id="other")),
        )
        one.settle()
        assert set(one.announced) == before == set(local_paths(one.world))


def test_a_port_of_another_hypervisor_of_ours_is_a_remote_mac():
    one = node("e0", "e1")
    one.set("port", "other", port("other"))
    one.bind("e0", "tap0", "vm")
    one.bind("e1", "tap0", "other")
    one.settle()
    mac = MACS["other"]
    assert one.tables["e0"]["mac", 101, mac] == RemoteMac(101, mac, (bridged("172.16.0.2", 101),))
    assert one.tables["e0"]["floodremotes", 101].remotes == (bridged("172.16.0.2", 101),)
    assert one.tunnels == {
        "e0": {Endpoint("172.16.0.2")}, "e1": {Endpoint("172.16.0.1")},
    }  # fmt: skip


def test_words_of_a_former_channel_confirm_and_refuse_nothing():
    """Another VTEP is another vrouter: what its switch still says of the old one is old news."""
    one = node()
    one.bind("e0", "tap0", "vm")
    one.settle()
    late = msg.VrouterAcked("e0", one.revisions["e0"])
    one.change_vtep("e0", "172.16.0.101")
    refused = msg.ObjectRefused("e0", ("port", "vm"), "no space", late.revision)
    one.handle(refused)
    one.flush()
    one.handle(refused)
    one.handle(late)
    one.flush()
    assert not one.announced
    one.settle()
    assert [path.attrs.next_hop for path in one.announced.values()] == ["172.16.0.101"] * 2


def test_a_refusal_of_what_a_port_was_before_is_old_news():
    """The switch refuses a port; before that is heard the port has changed, and is taken."""
    one = node()
    one.bind("e0", "tap0", "vm")
    one.flush()
    first = one.revisions["e0"]
    one.set("port", "vm", replace(port("vm"), fixed_ips=(FixedIp("a", "10.0.0.99"),)))
    one.flush()
    keys = [("port", "vm"), ("neighbor", 101, "10.0.0.99"), ("neighbor", 101, "10.0.0.10")]
    for key in keys:
        one.handle(msg.ObjectRefused("e0", key, "no space", first))
    one.settle()
    assert not refusals(one)
    assert ROUTE._replace(ip="10.0.0.99") in one.announced
    # Of what it is now: the same words count, also where other objects have changed since.
    one.set("port", "other", port("other"))
    one.bind("e0", "tap1", "other")
    one.flush()
    one.handle(msg.ObjectRefused("e0", ("port", "vm"), "no space", one.revisions["e0"] - 1))
    one.settle()
    assert refusals(one) == {("e0", ("port", "vm")): "no space"}
    assert ROUTE._replace(ip="10.0.0.99") not in one.announced


def test_a_change_right_after_the_acknowledgement_waits_for_its_own():
    """All in one batch: confirmed, then changed.  Nobody hears of what the switch has not got."""
    one = node()
    one.bind("e0", "tap0", "vm")
    one.flush()
    one.ack("e0")
    one.set("port", "vm", replace(port("vm"), fixed_ips=(FixedIp("a", "10.0.0.99"),)))
    one.flush()
    assert ROUTE._replace(ip="10.0.0.99") not in one.announced
    one.settle()
    assert ROUTE._replace(ip="10.0.0.99") in one.announced
    one.interface("e0", "tap0", None)
    one.settle()
    assert not one.announced


def test_a_rival_that_gives_up_is_no_move():
    """Both announced with the same sequence number; ours stood, so it goes on with its number."""
    one = node()
    one.elsewhere(FAR)
    one.bind("e0", "tap0", "vm")
    one.settle()
    one.receive("p1", (competing(mobility=0),))
    one.settle()
    one.receive("p1", (), (competing().nlri,))
    one.set("network", "net", Network("net", 101, 1, export_targets=("65000:1",)))
    one.settle()
    assert one.announced[ROUTE].attrs == Attributes("172.16.0.1", (target(101), "65000:1"))


def test_nothing_is_kept_of_a_deleted_port():
    one = node()
    one.elsewhere(FAR)
    one.receive("p1", (competing(mobility=7),))
    one.receive("p1", (), (competing().nlri,))
    one.settle()
    assert one.world.bindings.mobility["vm"].sequence == 7
    one.set("port", "vm", None)
    one.settle()
    assert not one.world.bindings.mobility
