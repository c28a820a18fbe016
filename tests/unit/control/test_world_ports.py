"""Ports in the World: from a claim to an announced route, and who holds a port."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.beds.option_values import world_settings
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import (
    ROUTER_INTERFACE,
    Change,
    FixedIp,
    Network,
    Port,
    Router,
    Subnet,
)
from ryu_apps.control.elements.claims import RefusalKind
from ryu_apps.control.routes import Attributes, Imet, MacIp, Path
from ryu_apps.control.world import World
from tests.element_info import ovs_info
from tests.hops import bridged
from tests.property.world_model import Node, local_paths, target
from tests.property.world_node import BARE
from vrouter_ovs.state import OWNER_PORT, Endpoint, Evi, Flood, LocalPort, Neighbor, RemoteMac

MACS = {"vm": "fa:16:3e:00:00:0a", "other": "fa:16:3e:00:00:0b"}
FAR = "192.0.2.7"
ADDRESSES = {"vm": "10.0.0.10", "other": "10.0.0.11"}
ROUTE = MacIp("172.16.0.1:1", 0, MACS["vm"], ADDRESSES["vm"])


def port(id: str, **fields) -> Port:
    fields.setdefault("unfiltered", True)
    return Port(id, "net", MACS[id], fixed_ips=(FixedIp("a", ADDRESSES[id]),), **fields)


def node(*elements: str) -> Node:
    one = Node()
    one.set("network", "net", Network("net", 101, 1))
    one.set("subnet", "a", Subnet("a", "net", "10.0.0.0/24"))
    one.set("port", "vm", port("vm"))
    for element in elements or ("e0",):
        one.connect(element)
    one.settle()
    return one


def rival(mobility: int = 0, vtep: str = FAR, rts: tuple = (target(101),)) -> Path:
    """The port's MAC, announced by another node."""
    attrs = Attributes(vtep, rts, mobility=mobility)
    return Path(MacIp(f"{vtep}:1", 0, MACS["vm"], ADDRESSES["vm"]), attrs, (101,))


def refusals(one: Node) -> dict:
    """(element, object key) -> why the switch refused it."""
    return {
        (name, key): reason for name, element in one.world.elements.accepted.items()
        for key, reason in element.confirmations.refusals.items()
    }


def why(one: Node, id: str = "vm") -> list[str]:
    return [refusal.text for refusal in one.world.ports.refused.get(id, {}).values()]


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


def test_of_two_claims_the_older_holds_and_the_newer_takes_over():
    one = node("e0", "e1")
    one.bind("e0", "tap0", "vm")
    one.bind("e1", "tap0", "vm")
    recorded = {
        effect.key: effect.value for effect in one.flush() if isinstance(effect, msg.RecordStatus)
    }
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0"
    assert why(one) == ["held by interface tap0 on host0; it takes over when that is gone"]
    assert {key for key in one.tables["e1"] if key[0] != "tunnelport"} == BARE
    assert recorded == {"/status/claims/vm/e1": {
        "port": "vm", "element": "e1", "host": "host1", "interface": "tap0",
        "kind": "bound_elsewhere", "reason": why(one)[0], "node": "n1",
    }}
    one.interface("e0", "tap0", None)
    effects = one.flush()
    assert one.world.ports.bound["vm"].element == "e1"
    assert msg.RecordStatus("/status/claims/vm/e1", None) in effects
    one.settle()
    (path,) = [path for path in one.announced.values() if type(path.nlri) is MacIp]
    assert path.attrs.next_hop == "172.16.0.2"
    assert path.attrs.mobility == 1, "a move, RFC 7432 section 15"


def test_the_record_of_a_conflict_goes_with_the_conflict():
    one = node("e0", "e1")
    one.bind("e0", "tap0", "vm")
    one.bind("e1", "tap0", "vm")
    one.settle()
    one.set("port", "vm", port("vm", requested_host="host0"))
    assert msg.RecordStatus("/status/claims/vm/e1", None) in one.flush()
    assert why(one) == ["the port is requested on host host0"]


def test_a_port_on_its_requested_host_only():
    one = node("e0", "e1")
    one.set("port", "vm", port("vm", requested_host="host1"))
    one.bind("e0", "tap0", "vm")
    one.settle()
    assert "vm" not in one.world.ports.bound
    assert why(one) == ["the port is requested on host host1"]
    one.bind("e1", "tap0", "vm")
    one.settle()
    assert one.world.ports.bound["vm"].element == "e1"


def test_reasons_for_not_binding():
    one = node()
    one.interface("e0", "tap0", msg.Interface("tap0", "vm", -1))
    one.settle()
    assert why(one) == ["Open vSwitch has given the interface no OpenFlow port yet"]
    one.interface("e0", "tap0", msg.Interface("tap0", "vm", -1, error="no such device"))
    one.settle()
    assert why(one) == ["Open vSwitch could not make the interface: no such device"]
    one.bind("e0", "tap0", "vm")
    one.set("port", "vm", port("vm", admin_state_up=False))
    one.settle()
    assert why(one) == ["the port is administratively down"]
    one.set("port", "vm", None)
    one.settle()
    assert why(one) == ["no port has the id vm"]
    assert one.tables["e0"].keys() == BARE and not one.announced


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


def test_a_claim_waits_for_another_nodes_live_route():
    one = node()
    one.elsewhere(FAR)
    one.receive("p1", (rival(mobility=3),))
    one.bind("e0", "tap0", "vm")
    one.settle()
    assert why(one) == ["held by far-7 (VTEP 192.0.2.7)"]
    one.receive("p1", (), (rival().nlri,))
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0"
    assert one.announced[ROUTE].attrs.mobility == 4


def test_a_waiting_claim_takes_over_when_the_route_leaves_the_evi():
    """The route stays, but its targets no longer name this network."""
    one = node()
    one.elsewhere(FAR)
    one.receive("p1", (rival(mobility=3),))
    one.bind("e0", "tap0", "vm")
    one.settle()
    one.receive("p1", (rival(mobility=3, rts=(target(999),)),))
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0"
    assert one.announced[ROUTE].attrs.mobility == 4


def test_a_stale_route_holds_a_port_for_as_long_as_a_restart_may_take():
    """A node that restarts keeps the ports of its hypervisors; one that stays away loses them."""
    one = node()
    one.elsewhere(FAR)
    one.receive("p1", (rival(),))
    one.bind("e0", "tap0", "vm")
    one.settle()
    one.peer_down("p1")
    one.settle()
    assert not one.world.ports.bound
    one.tick(one.world.settings.restart_time)
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0"


def test_two_nodes_that_announce_a_port_agree_on_one():
    one = node()
    one.elsewhere(FAR)
    one.bind("e0", "tap0", "vm")
    one.settle()
    one.receive("p1", (rival(mobility=0, vtep=FAR),))
    one.settle()
    assert one.world.ports.bound, "of equal sequence numbers the lowest VTEP wins: ours"
    one.receive("p1", (rival(mobility=1),))
    one.settle()
    assert not one.world.ports.bound, "the higher sequence number wins"
    assert ROUTE not in one.announced
    assert why(one) == ["held by far-7 (VTEP 192.0.2.7)"]


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
    one.receive("p1", (rival(mobility=0),))
    one.settle()
    one.receive("p1", (), (rival().nlri,))
    one.set("network", "net", Network("net", 101, 1, export_targets=("65000:1",)))
    one.settle()
    assert one.announced[ROUTE].attrs == Attributes("172.16.0.1", (target(101), "65000:1"))


def test_nothing_is_kept_of_a_deleted_port():
    one = node()
    one.elsewhere(FAR)
    one.receive("p1", (rival(mobility=7),))
    one.receive("p1", (), (rival().nlri,))
    one.settle()
    assert one.world.bindings.mobility["vm"].sequence == 7
    one.set("port", "vm", None)
    one.settle()
    assert not one.world.bindings.mobility


def restarted(claims: dict[str, str], *bound: tuple[str, str]) -> tuple[set[str], World]:
    """A node that starts where it recorded claims before; which of the records it deletes."""
    world = World(world_settings("n1", 65000))
    deleted: set[str] = set()
    now = 0.0

    def step(event) -> None:
        for effect in world.step(event, now):
            if isinstance(effect, msg.RecordStatus) and effect.value is None:
                deleted.add(effect.key)
            elif isinstance(effect, msg.Program):
                step(msg.VrouterAcked(effect.element, effect.revision))

    step(msg.StatusChanged(tuple(
        (f"/status/claims/{place}", {"node": owner, "reason": "held by x", "element": "e1"})
        for place, owner in claims.items()
    )))  # fmt: skip
    step(msg.ConfigChanged((Change("network", "net", Network("net", 101, 1)),
                            Change("port", "vm", port("vm"))), 1))  # fmt: skip
    step(msg.ConfigLoaded())
    for number, name in enumerate(("e0", "e1")):
        info = ovs_info(name, f"host{number}", f"172.16.0.{number + 1}", name, "192.0.2.1")
        rows = tuple(msg.Interface("tap0", id, 5) for element, id in bound if element == name)
        step(msg.ElementConnected(number, info, rows, ()))
        step(msg.VrouterConnected(name))
    for _ in range(40):
        now += 1
        step(msg.Tick())
    assert world.convergence.converged
    return deleted, world


def test_records_of_claims_that_are_no_more_go_after_a_restart():
    claims = {"vm/e1": "n1", "gone/e1": "n1", "vm/e7": "n2"}
    deleted, _ = restarted(claims, ("e0", "vm"))
    assert deleted == {"/status/claims/vm/e1", "/status/claims/gone/e1"}


def test_records_of_claims_that_still_wait_stay_after_a_restart():
    _, world = restarted({"vm/e1": "n1"}, ("e0", "vm"), ("e1", "vm"))
    held = {claim.element for claim in world.ports.refused["vm"]}
    assert held == {"e1"} and world.conflicts._recorded["vm"].keys() == {"e1"}


@pytest.mark.parametrize("former", [
    {"port": "vm", "element": "e1", "host": "host1", "interface": "tap0", "node": "n1",
     "reason": "held by interface tap0 on host0; it takes over when that is gone"},
    {"node": "n1", "reason": "in words of another language", "element": "e1"},
    {"node": "n1"},
])  # fmt: skip
def test_a_record_of_a_version_that_had_no_kind_is_read_and_written_again(former):
    one = node()
    one.handle(msg.StatusChanged((("/status/claims/vm/e1", former),)))
    one.world.conflicts.recall("vm", "e1", former)
    one.connect("e1")
    one.bind("e0", "tap0", "vm")
    one.bind("e1", "tap0", "vm")
    (written,) = [effect.value for effect in one.flush()
                  if isinstance(effect, msg.RecordStatus) and "/claims/" in effect.key]
    assert (written["kind"], [written["reason"]]) == ("bound_elsewhere", why(one))
    one.interface("e0", "tap0", None)
    assert msg.RecordStatus("/status/claims/vm/e1", None) in one.flush()


def test_what_an_interface_says_in_words_is_no_conflict():
    """Open vSwitch's error is the host's to choose."""
    one = node()
    one.interface("e0", "tap0", msg.Interface("tap0", "vm", -1, error="held by somebody"))
    assert not [effect for effect in one.flush() if isinstance(effect, msg.RecordStatus)
                and effect.key.startswith("/status/claims/")]
    (refusal,) = one.world.ports.refused["vm"].values()
    assert refusal.kind == RefusalKind.INTERFACE_ERROR and not refusal.waits
