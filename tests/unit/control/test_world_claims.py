"""Who has a port: claims of several interfaces and nodes, and the records of their conflicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from lab.beds.option_values import world_settings
from lab.beds.owners import owns
from ryu_apps.control import messages as msg
from ryu_apps.control.config.model import Change, Network
from ryu_apps.control.elements.claims import RefusalKind
from ryu_apps.control.routes import MacIp
from ryu_apps.control.world import World
from tests.element_info import ovs_info
from tests.property.world_model import target
from tests.property.world_node import BARE
from tests.unit.control.ports_support import FAR, MACS, ROUTE, competing, node, port, why
from vrouter_ovs.state import STANDBY


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
    # Its vrouter has the port's flows beforehand, and lets nothing pass.
    assert one.tables["e1"]["port", "vm"].standby == STANDBY
    assert ("mac", 101, MACS["vm"]) in one.tables["e1"]
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


def test_a_host_name_that_is_not_certified_gives_no_port():
    """A hypervisor says by itself what its host name is; its certificate does not say so."""
    one = node("e0", "e1")
    one.set("port", "vm", port("vm", requested_host="host1"))
    one.bind("e0", "tap0", "vm")
    one.connect("e0", hostname="host1", certified=frozenset({"e0"}))
    one.settle()
    assert "vm" not in one.world.ports.bound
    assert why(one) == [
        "the port is requested on host host1, a name that the certificate of this one does not "
        "have: vnctl pki issue hypervisor e0 --dns host1"]
    one.connect("e0", hostname="host1", certified=frozenset({"e0", "host1"}))
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0"
    one.connect("e0", hostname="host1", certified=frozenset({"e0"}))
    one.settle()
    assert "vm" not in one.world.ports.bound, "it may no longer"
    one.set("port", "vm", port("vm", requested_host="e0"))
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0", "its system-id is certified"
    one.set("port", "vm", port("vm"))
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0", "a port that may be anywhere"


def test_a_host_name_that_changes_takes_its_ports_along():
    one = node("e0")
    one.set("port", "vm", port("vm", requested_host="renamed"))
    one.bind("e0", "tap0", "vm")
    one.settle()
    assert "vm" not in one.world.ports.bound
    element = one.inputs.elements["e0"]
    element.info = replace(element.info, hostname="renamed")
    one.handle(msg.ElementChanged(element.session, element.info))
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0"


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


def test_a_claim_waits_for_another_nodes_live_route():
    one = node()
    one.elsewhere(FAR)
    one.receive("p1", (competing(mobility=3),))
    one.bind("e0", "tap0", "vm")
    one.settle()
    assert why(one) == ["held by far-7 (VTEP 192.0.2.7)"]
    one.receive("p1", (), (competing().nlri,))
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0"
    assert one.announced[ROUTE].attrs.mobility == 4


def test_a_waiting_claim_takes_over_when_the_route_leaves_the_evi():
    """The route stays, but its targets no longer name this network."""
    one = node()
    one.elsewhere(FAR)
    one.receive("p1", (competing(mobility=3),))
    one.bind("e0", "tap0", "vm")
    one.settle()
    one.receive("p1", (competing(mobility=3, rts=(target(999),)),))
    one.settle()
    assert one.world.ports.bound["vm"].element == "e0"
    assert one.announced[ROUTE].attrs.mobility == 4


def test_a_stale_route_holds_a_port_for_as_long_as_a_restart_may_take():
    """A node that restarts keeps the ports of its hypervisors; one that stays away loses them."""
    one = node()
    one.elsewhere(FAR)
    one.receive("p1", (competing(),))
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
    one.receive("p1", (competing(mobility=0, vtep=FAR),))
    one.settle()
    assert one.world.ports.bound, "of equal sequence numbers the lowest VTEP wins: ours"
    one.receive("p1", (competing(mobility=1),))
    one.settle()
    assert not one.world.ports.bound, "the higher sequence number wins"
    assert ROUTE not in one.announced
    assert why(one) == ["held by far-7 (VTEP 192.0.2.7)"]


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
        step(owns("n1", name))
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
