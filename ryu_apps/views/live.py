"""What REST sees of the running node: :class:`northbound.base.NodeView` on the real thing."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.explain.explain import explain
from ryu_apps.control.explain.forwarding import Forwarding
from ryu_apps.control.messages import ClearDuplicate, ForgetElement
from ryu_apps.control.world import World
from ryu_apps.controller import Controller
from ryu_apps.identity.base import Standing
from ryu_apps.northbound.base import NodeView, PortState, Remote
from ryu_apps.peering.base import Engine
from ryu_apps.southbound.base import NotConnected, VrouterQueries
from ryu_apps.store.base import Store
from ryu_apps.views import elements, health, owners, rib, vpns, vrouters, ways_out
from ryu_apps.views.checks import CONTRIBUTORS
from ryu_apps.views.floating_ips import carried
from ryu_apps.views.peers import peers
from ryu_apps.views.ports import holder, port_detail, port_list, port_state

SLICE, FEW = 500, 20
"""So much is read at a time: of ports, instances, routes; of elements, which have many tunnels."""
T, R = TypeVar("T"), TypeVar("R")


class LiveView(NodeView):
    """``record``: this node's own ``/status/nodes`` record.  ``edge``: what became of the punted
    packets of an element.  ``names``: what the node does about names that VMs ask for.
    ``neighbours``: what is heard at an uplink, by element, bridge and name.  ``authentication``:
    how it is.  ``metadata``: what became of what instances asked; None where none are served."""

    def __init__(
        self,
        controller: Controller,
        store: Store,
        southbound: VrouterQueries,
        engine: Engine | None,
        record: Callable[[], dict[str, Any]],
        edge: Callable[[str], dict[str, Any]],
        names: Callable[[], dict[str, Any]] = dict,
        configuration: Configuration | None = None,
        neighbours: Callable[[str, str, str], dict[str, Any]] = lambda *uplink: {},
        authentication: Callable[[], Standing] | None = None,
        metadata: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        self._metadata = metadata
        self._controller = controller
        self._store = store
        self._southbound = southbound
        self._engine = engine
        self._record = record
        self._edge = edge
        self._names = names
        self._configuration = configuration
        self._neighbours = neighbours
        self._authentication = authentication

    def _in_slices(
        self, keys: Sequence[T], read: Callable[[World, Sequence[T]], list[R]], size: int = SLICE
    ) -> list[R]:
        """``read`` of a few at a time: between, the controller thread does what it is there for."""
        found: list[R] = []
        for start in range(0, len(keys), size):
            part = keys[start:start + size]
            found += self._controller.query(lambda world, part=part: read(world, part))
        return found

    # ------------------------------------------------------------ ports

    def port_states(self, port_ids: Iterable[str]) -> dict[str, PortState]:
        ids = list(port_ids)
        states = self._in_slices(ids, lambda world, some: [port_state(world, id) for id in some])
        return dict(zip(ids, states, strict=True))

    def floating_ips(self, ids: Iterable[str]) -> set[str]:
        known = list(ids)
        found = self._in_slices(known, carried)
        return {id for id, is_carried in zip(known, found, strict=True) if is_carried}

    def port_list(self, port_ids: Iterable[str]) -> list[dict[str, Any]]:
        return self._in_slices(list(port_ids), port_list)

    def port_detail(self, port_id: str) -> dict[str, Any]:
        found = self._controller.query(lambda world: port_detail(world, port_id))
        dropped: dict[int, int] = {}
        error = ""
        if found["limits"]:
            try:
                dropped = self._southbound.dropped(found["limits"][0]["element"])
            except (KeyError, NotConnected, TimeoutError) as fault:
                error = str(fault) or type(fault).__name__
        for one in found["limits"]:
            del one["element"]
            one["dropped"] = dropped.get(one["meter"])
            if error:
                one["error"] = error
        return found

    def clear_duplicate(self, port_id: str) -> None:
        self._controller.post(ClearDuplicate(port_id))

    # ------------------------------------------------------------ the system

    def health(self) -> dict[str, Any]:
        own = self._record()
        sources = health.Sources(
            self._controller, self._store, self._configuration, self._engine, own,
            self.peers, self.elements, self._authentication, self._metadata,
        )
        found = health.look(sources, CONTRIBUTORS)
        return {"status": found["status"], **own, "checks": found["checks"]}

    def counts(self) -> dict[str, int]:
        return self._controller.query(health.counts)

    def dns(self) -> dict[str, Any]:
        return self._names()

    def metadata(self) -> dict[str, Any]:
        return self._metadata() if self._metadata is not None else {}

    def nodes(self) -> list[dict[str, Any]]:
        own = self._record()
        return self._controller.query(lambda world: owners.nodes(world, own))

    def peers(self) -> list[dict[str, Any]]:
        states = self._engine.status() if self._engine is not None else ()
        return self._controller.query(lambda world: peers(world, states))

    # ------------------------------------------------------------ elements

    def elements(self) -> list[dict[str, Any]]:
        names = self._controller.query(lambda world: sorted(world.elements.records))
        found = self._in_slices(names, elements.elements, FEW)
        now = time.monotonic()
        found += self._controller.query(lambda world: elements.refused(world, now))
        for one in found:
            if one["mine"]:
                one["openflow"] = self._southbound.status(one["element"])
                one["edge"] = self._edge(one["element"])
                for uplink in one.get("uplinks", ()):
                    uplink |= self._neighbours(one["element"], uplink["bridge"], uplink["name"])
        return found

    def element_owner(self, element: str) -> Remote | None:
        return self._controller.query(lambda world: elements.owner(world, element))

    def port_owner(self, port_id: str) -> Remote | None:
        def read(world: World) -> str:
            return "" if port_id in world.ports.bound else port_state(world, port_id).element

        element = self._controller.query(read)
        try:
            return self.element_owner(element) if element else None
        except KeyError:
            return None  # It has just been forgotten.

    def forget_element(self, element: str) -> None:
        self._controller.query(lambda world: elements.check_forgettable(world, element))
        self._controller.post(ForgetElement(element))

    # ------------------------------------------------------------ VPNs and routes

    def evis(self) -> list[dict[str, Any]]:
        return self._in_slices(self.vnis("evi"), vpns.instances)

    def vrfs(self) -> list[dict[str, Any]]:
        return self._in_slices(self.vnis("vrf"), vpns.instances)

    def vnis(self, kind: str) -> list[int]:
        return self._controller.query(
            lambda world: sorted(
                vni for vni, one in world.instances.by_vni.items() if one.spec.kind == kind
            )
        )

    def rib(
        self, filters: Mapping[str, Collection[str]], offset: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        taken = self._controller.query(lambda world: rib.snapshot(world, filters))
        found = rib.matching(taken, filters)
        shown = rib.page(found, offset, limit)
        return self._in_slices(shown, rib.describe), len(found)

    # ------------------------------------------------------------ vrouters

    def vrouter_objects(self, element: str) -> list[dict[str, Any]]:
        found = self._controller.query(lambda world: vrouters.read_objects(world, element))
        return vrouters.objects(*found)

    def vrouter_flows(self, element: str) -> list[dict[str, Any]]:
        keys = self._controller.query(lambda world: list(world.desired.objects[element]))
        flows = self._southbound.flows(element)
        vrouters.name_objects(flows, keys)
        return flows

    # ------------------------------------------------------------ security groups

    def explain(self, port_id: str, to: str, **packet: Any) -> dict[str, Any]:
        return self._controller.query(
            lambda world: explain(
                world.config, port_id, to, **packet,
                routed=lambda vni, address: vpns.routed(world, vni, address),
                states=lambda one: _state(world, one),
                holder=lambda sharing, address: holder(world, sharing, address),
                observed=Forwarding(world), metadata=world.settings.metadata,
            )
        )

    def way_out(self, router_id: str) -> dict[str, Any] | None:
        return self._controller.query(lambda world: ways_out.way_out(world, router_id))

    def gateways(self, router_id: str) -> list[dict[str, Any]]:
        found = self._controller.query(lambda world: ways_out.gateways(world, router_id))
        for one in found:
            tag = one.pop("cookie")
            try:
                counts = self._southbound.counters(one["element"]) if tag else {}
            except (KeyError, NotConnected, TimeoutError) as error:
                one["error"] = str(error) or type(error).__name__
            else:
                one["refused"] = counts.get(tag, (0, 0))[0]
        return found

    def rule_counters(self, rule_id: str) -> list[dict[str, Any]]:
        rule = self._controller.query(lambda world: vrouters.rule_cookies(world, rule_id))
        found = []
        for (element, host), cookies in rule.items():
            one: dict[str, Any] = {"element": element, "host": host}
            try:
                counts = self._southbound.counters(element)
            except (KeyError, NotConnected, TimeoutError) as error:
                one["error"] = str(error) or type(error).__name__
            else:
                one |= vrouters.totals(counts, cookies)
            found.append(one)
        return found


def _state(world: World, port_id: str) -> tuple[str, str]:
    state = port_state(world, port_id)
    return state.status, state.reason
