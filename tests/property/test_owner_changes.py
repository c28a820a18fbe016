"""A hypervisor changes its owner, whatever comes late or is lost: no vrouter of another hypervisor
is told anything, and somebody announces each of its routes at any time."""

from __future__ import annotations

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ryu_apps.control import messages as msg
from ryu_apps.control.routes import Nlri, Path
from tests.property.mesh import Mesh, check, furnish
from vrouter_ovs.state import FLOWS, TARGET_OF

from .world_model import DEEPER
from .world_universe import vteps

SIZE = 3
MOVED = "e0"
number = st.integers(0, SIZE - 1)
event = st.one_of(
    st.tuples(st.just("migrate"), number),
    st.tuples(st.just("deliver"), number, number, st.integers(1, 4)),
    st.tuples(st.just("deliver"), number, number, st.integers(1, 4)),
    st.tuples(st.just("watch"), number, st.integers(1, 9)),
    st.tuples(st.just("cut"), number, number),
    st.tuples(st.just("mend"), number, number),
    st.tuples(st.just("flush"), number),
    st.tuples(st.just("ack"), number),
    st.tuples(st.just("rest")),
    st.tuples(st.just("wait"), st.integers(1, 12)),
)
PATIENCE = 120


class OwnerMesh(Mesh):
    """Three nodes with a hypervisor each.  ``told``: what vrouters were told of flows.  ``heard``:
    node -> what a router has of its announcements; a node that is away withdraws nothing."""

    RESTART_TIME = PATIENCE

    def __init__(self) -> None:
        self.told: list[tuple] = []
        self.had_it = {0}
        self.heard: dict[int, dict[Nlri, Path]] = {n: {} for n in range(SIZE)}
        super().__init__(SIZE)

    def flush(self, number: int) -> bool:
        busy = super().flush(number)
        for effect in self.nodes[number].effects:
            match effect:
                case msg.Program(element, _, changes):
                    self.told += [
                        (element, key) for key, _ in changes if TARGET_OF[key[0]] == FLOWS]
                case msg.Withdraw(nlris):
                    for nlri in nlris:
                        self.heard[number].pop(nlri, None)
                case msg.Announce(paths):
                    self.heard[number].update((path.nlri, path) for path in paths)
        return busy

    def migrate(self, name: str, to: int) -> None:
        self.had_it.add(to)
        super().migrate(name, to)

    def hear_the_owners(self) -> None:
        """For long only a former owner and the new one have no session, and only while one followed
        the other: who has none with the new owner hears of its routes from nobody once the former
        one withdraws them, as sessions of nodes are a full mesh, and none passes on what another
        said (RFC 4271 section 9.2.1)."""
        for link, up in list(self.links.items()):
            if not up and link != self.had_it:
                self.mend(*link)
                self.rest()

    def of_moved(self) -> set[Nlri]:
        """What the router has of the routes to the hypervisor that moves."""
        return {
            nlri for paths in self.heard.values() for nlri, path in paths.items()
            if path.attrs.next_hop == vteps(MOVED)[0]
        }


def site() -> OwnerMesh:
    mesh = furnish(OwnerMesh(), second_ports=True)
    assert mesh.of_moved() and any(key[0] == "mac" for key in mesh.nodes[1].tables["e1"])
    mesh.told.clear()
    return mesh


def play(mesh: OwnerMesh, events: list[tuple], watch) -> None:
    for name, *arguments in events:
        match name:
            case "migrate":
                mesh.migrate(MOVED, *arguments)
            case "deliver":
                source, to, count = arguments
                for _ in range(count if source != to else 0):
                    mesh.deliver(source, to)
            case "watch":
                for _ in range(arguments[1]):
                    mesh.watch(arguments[0])
            case "cut" | "mend":
                if arguments[0] != arguments[1]:
                    getattr(mesh, name)(*arguments)
            case "flush":
                mesh.flush(*arguments)
            case "ack":
                mesh.nodes[arguments[0]].ack(MOVED)
            case "rest":
                mesh.rest()
            case "wait":
                mesh.hear_the_owners()
                for _ in range(arguments[0]):
                    for n, node in enumerate(mesh.nodes):
                        node.tick(1)
                        mesh.flush(n)
                    watch()
        watch()


HEAR = [(what, n, *more) for what, *more in (("watch", 9), ("flush",), ("watch", 9), ("flush",))
        for n in range(SIZE)]
SLOW = [("migrate", 1), *HEAR, ("deliver", 1, 0, 4), ("flush", 0)]
"""The new owner has begun to announce, and waits for the switch with the rest."""


@settings(max_examples=150 * DEEPER, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(event, max_size=40))
@example([*SLOW, ("wait", 12), ("wait", 12)])
@example([*SLOW, ("cut", 0, 1), ("ack", 1), ("flush", 1), ("wait", 12)])
def test_no_vrouter_of_others_is_told_and_no_route_is_missing(events):
    mesh = site()
    routes = mesh.of_moved()

    def watch() -> None:
        assert {element for element, _ in mesh.told} <= {MOVED}, mesh.told
        assert mesh.of_moved() == routes, routes ^ mesh.of_moved()

    play(mesh, events, watch)
    check(mesh)
    watch()
