"""The graph of the control core: what is to be computed again, who says so and who does it.

An event is taken in by marking keys in worklists; :meth:`Graph.flush` has their consumers compute.
``GRAPH`` is the whole of it, in the order in which a flush goes through it: a worklist is drained
when all before it are empty, so that each consumer finds settled what it reads.  A consumer may
mark earlier worklists, and the flush goes back to them.  docs/control.md is made from this table.

Nothing is lost when a consumer raises.  The key that it raised for is set aside and tried again by
:meth:`Graph.tick`, ever more rarely, and all other keys are done meanwhile.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Hashable
from itertools import compress

from ryu_apps.control.graph.worklist import Failure, Stage, Worklist
from ryu_apps.control.messages import Notice

GOING_BACK = 200
"""How often one flush goes back to an earlier worklist.  Ordinary ones do so a few times; if the
consumers keep each other busy, the rest stays marked for the next flush, so that what is done
leaves and events are taken in meanwhile."""
RARELY = 32
"""Ticks between two attempts at most."""
LINES = 20
"""Failures that are reported one by one in a flush; more are counted."""


GRAPH = (
    Stage(
        "departures", "element", ("Acceptance",), "Departures.depart",
        "An element was forgotten: its ports, routes and objects go, before anything is computed "
        "for one that has joined again.",
    ),
    Stage(
        "vrouters", "element", ("Assignment", "Departures", "Membership"), "Vrouters.describe",
        "An element has joined, or says something else of itself, or other nodes stand by for it, "
        "or no longer do: its vrouter gets the objects that do not depend on ports.",
    ),
    Stage(
        "tunnels", "(element, endpoint)", ("Elements", "Tunnels", "Vrouters"), "Tunnels.resolve",
        "A tunnel port came, went or has another number, BFD says something else of it, or a path "
        "that had failed may carry traffic again.",
    ),
    Stage(
        "vteps", "VTEP", ("Acceptance", "Elements", "Peers"), "Dependents.judge_again",
        "A VTEP became a hypervisor's of this system or of this node, or ceased to be: its routes "
        "count as a node's from then on, or as a router's.", together=True,
    ),
    Stage(
        "offers", "element", ("Membership",), "Offers.changed",
        "An element sends and takes other encapsulations, or prefers another.",
    ),
    Stage(
        "attachments", "element", ("Membership",), "Segments.attached",
        "An element is attached to other physical networks, or by another port.",
    ),
    Stage(
        "policy_pages", "project id", ("Memberships",), "Memberships.resolve_pages",
        "Rules name other groups of a project: each gets the bit by which it is looked up, before "
        "any port needs its rules.",
    ),
    Stage(
        "claims", "port id",
        (
            "Acceptance", "Configurer", "Dependents", "ElementInterfaces", "Learned",
            "LearnedMacs", "Ports", "Segments",
        ),
        "Ports.resolve",
        "Something changed that decides which interface has a port, or how it is bound.",
    ),
    Stage(
        "port_routes", "port id",
        ("Configurer", "Dependents", "Offers", "Ports", "Segments", "World"),
        "LocalPaths.publish_port",
        "The routes of a bound port may be others, or its sequence number.",
    ),
    Stage(
        "evi_routes", "(element, L2 VNI)", ("LocalPaths", "Offers", "Ports", "Segments"),
        "LocalPaths.publish_evi",
        "A port became active or ceased to be: the flood route of its network follows.",
    ),
    Stage(
        "evi_settings", "L2 VNI", ("Configurer", "Offers"), "Presence.describe_evi",
        "A network changed: its EVI may flood otherwise wherever it is.",
    ),
    Stage(
        "vrf_settings", "(element, L3 VNI)", ("Offers",), "Presence.describe_vrf",
        "A vrouter takes MPLS, or takes it no more: its VRF has labels, or has none.",
    ),
    Stage(
        "ways_out", "router id, or \"\" for all", ("Configurer", "Elements", "WaysOut"),
        "WaysOut.resolve",
        "A router's gateway on an external network changed, or a hypervisor is a gateway or is "
        "none any more.",
    ),
    Stage(
        "evis", "(element, L2 VNI)", ("Locations", "WaysOut"), "Presence.resolve_evi",
        "The ports of a network on a vrouter changed, or a router has its gateway there: its EVI "
        "comes, goes or floods to others.",
    ),
    Stage(
        "segments", "(element, L2 VNI)", ("Presence", "Segments"), "Segments.resolve",
        "The EVI of a network came to a vrouter, left it or is another on the wire, or the vrouter "
        "is attached to physical networks otherwise: its segment comes, goes or follows.",
    ),
    Stage(
        "routers", "router id", ("Configurer", "Presence", "WaysOut"), "Presence.leave_vrouters",
        "A router, its interfaces or the EVIs below it changed: it leaves the vrouters and loses "
        "the gateways that it has no more.  All routers do so before any enters a vrouter.",
    ),
    Stage(
        "gateways", "router id", ("Presence",), "Presence.enter_vrouters",
        "A router has left where it is no more: it enters the vrouters and gets the gateways and "
        "connected prefixes that it has now.",
    ),
    Stage(
        "subnets", "subnet id", ("Configurer",), "Services.resolve",
        "A subnet, its way out or an address in it changed: where the network itself answers.",
    ),
    Stage(
        "vrf_routes", "(element, L3 VNI)", ("Offers", "Presence", "WaysOut"),
        "LocalPaths.publish_vrf",
        "A VRF came to a vrouter, left it, or has other prefixes.",
    ),
    Stage(
        "instances", "(element, scope)", ("Offers", "Presence", "Segments"),
        "Resolver.resolve_instance",
        "An EVI or a VRF came to a vrouter, which needs all of its lookups.",
    ),
    Stage(
        "lookups", "lookup: (kind, VNI, MAC or address or prefix)",
        (
            "Configurer", "Gateways", "Instances", "Locations", "Presence", "Relays", "Services",
            "Tunnels", "WaysOut",
        ),
        "Resolver.resolve_lookup",
        "What a lookup of an EVI or a VRF gives changed: by a route, a local port, one that left, "
        "a gateway or a service address, or a next hop is out of reach or back.",
    ),
    Stage(
        "chains", "port chain id", ("Configurer", "Resolver", "Tunnels"), "Chains.resolve",
        "A service chain, a port of it, or the way to an instance of a service changed.",
    ),
    Stage(
        "multicast", "(L2 VNI, group or \"\")", ("Configurer", "Locations", "MulticastSnooping"),
        "MulticastSnooping.resolve",
        "A group of a network that snoops has other members, or (\"\") all of its groups are to be "
        "looked at: other ports or routers, or it snoops no more.",
    ),
    Stage(
        "mirrors", "port id", ("Configurer", "Ports", "Resolver", "Tunnels"), "Mirrors.resolve",
        "A port may have other mirrors or be elsewhere, or copies get to where they go otherwise.",
    ),
    Stage(
        "policy_sets", "policy set", ("Memberships", "Policies"), "Policies.resolve_set",
        "A rule, or a group that rules name, changed.",
    ),
    Stage(
        "policy_peers", "(page, member)", ("Memberships",), "Memberships.resolve_peer",
        "An address became a member of a group that rules name, or ceased to be.",
    ),
    Stage(
        "policy_members", "(element, page as it is asked for)", ("Memberships",),
        "Memberships.resolve_members",
        "The sets on a vrouter ask for other groups of a page, or its groups have other bits.",
    ),
    Stage(
        "interfaces", "(element, interface)", ("ElementInterfaces", "InterfaceReports"),
        "InterfaceReports.resolve",
        "An interface has gone, or (once a second) the flows of its port were confirmed or are no "
        "more: the hypervisor's own software is told.",
    ),
    Stage(
        "tunnel_ports", "element",
        ("AnnouncedAddresses", "Desired", "Elements", "Membership", "Offers"),
        "Tunnels.resolve_ports",
        "The endpoints that a vrouter sends to changed, the VTEPs that there are, what they take, "
        "or the address that a vrouter is announced by.",
    ),
    Stage(
        "programs", "element", ("Desired", "Membership"), "Vrouters.program",
        "The desired state of a vrouter changed, or it was about to go to another node and stays: "
        "its switch and its database are told, once for all that changed.",
    ),
    Stage(
        "networks", "network id", ("Configurer", "Names"), "Names.resolve_network",
        "A network got its first port here, lost the last, or has another domain or other "
        "subnets.  A view of names comes before the first port that asks for it.",
    ),
    Stage(
        "names", "(network id, port id)", ("Configurer",), "Names.resolve_port",
        "A port may be called otherwise.",
    ),
    Stage(
        "edges", "port id", ("Configurer", "Edges", "Ports", "Services"), "Edges.resolve",
        "What is answered to a port on behalf of the network may be another thing.  A place that "
        "is left is told at once: another port may have it.",
    ),
    Stage(
        "answers", "port id", ("Edges",), "Edges.emit",
        "All places that were left are told: what is answered to a port goes out.",
    ),
    Stage(
        "confirmed", "port id", ("Ports",), "Probes.confirmed",
        "The flows of a port are in the switch: it may be asked for shared addresses.",
    ),
    Stage(
        "unlocated", "(L2 VNI, address)", ("Learned",), "Probes.search",
        "A shared address is at no port any more: all that may have it are asked.",
    ),
    Stage(
        "activations", "port id", ("Ports",), "Activations.follow",
        "A port may be where it moved to: the configuration is to say so.",
    ),
    Stage(
        "conflicts", "port id", ("ClaimRecords", "Ports"), "ClaimRecords.write",
        "The claims that wait for a port changed: the store's records follow.",
    ),
)
"""In the order of a flush."""


class Marks:
    """The worklists that one class may mark; any other is no attribute.  Calls of ``mark`` and
    ``mark_all`` alone are meant for it."""

    __slots__ = ("_owner", *(stage.name for stage in GRAPH))

    def __init__(self, owner: str, worklists: dict[str, Worklist]) -> None:
        self._owner = owner
        for stage in GRAPH:
            if owner in stage.marked_by:
                setattr(self, stage.name, worklists[stage.name])

    def __getattr__(self, name: str) -> Worklist:
        raise AttributeError(f"{self._owner} is not declared to mark {name!r}")


class Graph:
    """All worklists, with their consumers.  Reads and marks nothing of its own; emits a
    :class:`~ryu_apps.control.messages.Notice` for what fails, appended to ``effects``."""

    def __init__(self, effects: list) -> None:
        self._effects = effects
        self.worklists = {stage.name: Worklist(stage, failed=self._set_aside) for stage in GRAPH}
        self._order = tuple(self.worklists.values())
        self._numbers = range(len(GRAPH))
        self._marked = tuple(one.marked for one in self._order)
        self._up_to = tuple(self._marked[:number + 1] for number in self._numbers)
        """For each worklist what is marked in it and in all before it."""
        self.failures = 0
        """How often a consumer or a step has raised."""
        self.unfinished = 0
        """Flushes that left something marked because they had gone back too often."""
        self.most_back = 0
        """How often the flush that did so most went back."""
        self._ticks = 0
        self._lines = 0
        self._attempts: dict[str, int] = {}
        """Step of a flush -> how often it has raised."""

    def marks(self, owner: str) -> Marks:
        """What the class ``owner`` may mark."""
        return Marks(owner, self.worklists)

    def connect(self, *consumers: Callable) -> None:
        """Bind the methods that the table names, all of them and no other: ValueError."""
        by_name = {one.__qualname__: one for one in consumers}
        named = {stage.drained_by for stage in GRAPH}
        if by_name.keys() != named:
            raise ValueError(f"not as declared: {sorted(by_name.keys() ^ named)}")
        for one in self._order:
            one.consumer = by_name[one.stage.drained_by]

    def failing(self) -> list[tuple[Stage, Hashable, Failure]]:
        """What is set aside now."""
        return [
            (one.stage, key, failure)
            for one in self._order for key, failure in one.failing.items()
        ]

    def tick(self) -> None:
        """Time passed: try again what failed and is due."""
        self._ticks += 1
        for one in self._order:
            if one.failing:
                one.retry(self._ticks)

    def flush(self) -> None:
        """Drain all worklists until they are empty, as far as GOING_BACK lets that be."""
        order, up_to = self._order, self._up_to
        back = 0
        self._lines = 0
        while back <= GOING_BACK:
            # compress looks at a worklist when it gets there: later ones may be marked meanwhile.
            for number in compress(self._numbers, self._marked):
                order[number].drain()
                if any(up_to[number]):
                    back += 1
                    break
            else:
                break
        else:
            for one in order:
                one.drain()
        self.most_back = max(self.most_back, back)
        if self._lines > LINES:
            self._notice(f"{self._lines - LINES} more failures")
        if back > GOING_BACK:
            self.unfinished += 1
            if is_power_of_two(self.unfinished):
                left = ", ".join(f"{len(one)} {one.stage.name}" for one in order if one)
                self._notice(
                    f"a flush went back {GOING_BACK} times and left {left} for the next one; so "
                    f"far {self.unfinished} flushes did"
                )

    def attempt(self, step: Callable[[float], None], now: float) -> None:
        """Do a step of the flush that has no worklist.  What it raises is counted and reported,
        ever more rarely, and the flush goes on."""
        try:
            step(now)
        except Exception as error:
            self.failures += 1
            name = step.__qualname__
            count = self._attempts[name] = self._attempts.get(name, 0) + 1
            if is_power_of_two(count):
                trace = "".join(traceback.format_exception(error))
                self._notice(f"{name} failed, {count} times so far: {error!r}\n{trace}")

    def _set_aside(self, worklist: Worklist, key: Hashable, error: Exception) -> None:
        self.failures += 1
        failure = worklist.failing.setdefault(key, Failure(""))
        failure.error = f"{type(error).__name__}: {error}"
        failure.count += 1
        failure.due = self._ticks + min(1 << min(failure.count - 1, 16), RARELY)
        if is_power_of_two(failure.count):
            self._lines += 1
            if self._lines <= LINES:
                trace = "".join(traceback.format_exception(error)) if failure.count == 1 else ""
                self._notice(
                    f"{worklist.stage.drained_by} failed for {worklist.stage.key} {key!r}, "
                    f"attempt {failure.count}; it is tried again: {failure.error}"
                    + (f"\n{trace}" if trace else "")
                )

    def _notice(self, text: str) -> None:
        self._effects.append(Notice("error", "control core", text))


def is_power_of_two(number: int) -> bool:
    return not number & (number - 1)

