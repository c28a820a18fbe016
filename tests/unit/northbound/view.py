"""A NodeView fed by data, for tests of the API."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

from ryu_apps.control.explain.explain import explain
from ryu_apps.northbound.base import DOWN, NodeView, PortState, Remote


class DataView(NodeView):
    """Answers from its attributes; tests fill them."""

    def __init__(self) -> None:
        self.states: dict[str, PortState] = {}
        self.details: dict[str, dict[str, Any]] = {}
        self.connected: set[str] = set()
        self.element_list: list[dict[str, Any]] = []
        self.owners: dict[str, Remote] = {}
        self.paths: list[dict[str, Any]] = []
        self.objects: dict[str, list[dict[str, Any]]] = {}
        self.flow_list: dict[str, list[dict[str, Any]]] = {}
        self.counters: dict[str, list[dict[str, Any]]] = {}
        self.ways_out: dict[str, dict[str, Any]] = {}
        self.router_gateways: dict[str, list[dict[str, Any]]] = {}
        self.node_list: list[dict[str, Any]] = [{"name": "node1", "self": True}]
        self.peer_list: list[dict[str, Any]] = []
        self.instances: dict[str, list[dict[str, Any]]] = {"evis": [{"vni": 1000}], "vrfs": []}
        self.config: Any = None
        self.carried: set[str] = set()
        self.ok = True

    def port_states(self, port_ids: Iterable[str]) -> dict[str, PortState]:
        return {id: self.states.get(id, DOWN) for id in port_ids}

    def floating_ips(self, ids: Iterable[str]) -> set[str]:
        return {id for id in ids if id in self.carried}

    def port_detail(self, port_id: str) -> dict[str, Any]:
        state = self.states.get(port_id, DOWN)._asdict()
        return {"state": state, "claims": [], **self.details.get(port_id, {})}

    def clear_duplicate(self, port_id: str) -> None:
        self.details.get(port_id, {}).pop("duplicate", None)

    def port_list(self, port_ids: Iterable[str]) -> list[dict[str, Any]]:
        return [{"id": id, **self.states.get(id, DOWN)._asdict(), "mine": id in self.details}
                for id in port_ids]

    def health(self) -> dict[str, Any]:
        return {
            "status": "ok" if self.ok else "degraded",
            "checks": [{"name": "store", "ok": self.ok, "detail": ""}],
        }

    def counts(self) -> dict[str, int]:
        return {"ports": len(self.states)}

    def dns(self) -> dict[str, Any]:
        return {"networks": 0}

    def metadata(self) -> dict[str, Any]:
        return {}

    def port_owner(self, port_id: str) -> Remote | None:
        return self.owners.get(self.states.get(port_id, DOWN).element)

    def nodes(self) -> list[dict[str, Any]]:
        return copy.deepcopy(self.node_list)

    def elements(self) -> list[dict[str, Any]]:
        return copy.deepcopy(self.element_list)

    def element_owner(self, element: str) -> Remote | None:
        if element in self.owners:
            return self.owners[element]
        if all(one["id"] != element for one in self.element_list):
            raise KeyError(element)
        return None

    def forget_element(self, element: str) -> None:
        if all(one["id"] != element for one in self.element_list):
            raise KeyError(element)
        if element in self.connected:
            raise ValueError("its OVSDB session is up")
        self.element_list = [one for one in self.element_list if one["id"] != element]

    def evis(self) -> list[dict[str, Any]]:
        return copy.deepcopy(self.instances["evis"])

    def vrfs(self) -> list[dict[str, Any]]:
        return copy.deepcopy(self.instances["vrfs"])

    def vnis(self, kind: str) -> list[int]:
        return [one["vni"] for one in (self.evis() if kind == "evi" else self.vrfs())]

    def rib(self, wanted, offset: int, limit: int) -> tuple[list[dict[str, Any]], int]:
        def has(path: dict[str, Any], name: str, values: Iterable[str]) -> bool:
            value = path.get({"rt": "rts"}.get(name, name))
            return any(
                str(one).lower() in values for one in (value if type(value) is list else [value])
            )

        found = [
            path for path in self.paths
            if all(has(path, name, values) for name, values in wanted.items())
        ]  # fmt: skip
        return copy.deepcopy(found[offset:offset + limit]), len(found)

    def peers(self) -> list[dict[str, Any]]:
        return copy.deepcopy(self.peer_list)

    def vrouter_objects(self, element: str) -> list[dict[str, Any]]:
        return copy.deepcopy(self.objects[element])

    def vrouter_flows(self, element: str) -> list[dict[str, Any]]:
        return copy.deepcopy(self.flow_list[element])

    def explain(self, port_id: str, to: str, **packet: Any) -> dict[str, Any]:
        return explain(self.config, port_id, to, **packet)

    def way_out(self, router_id: str) -> dict[str, Any] | None:
        return copy.deepcopy(self.ways_out.get(router_id))

    def gateways(self, router_id: str) -> list[dict[str, Any]]:
        return copy.deepcopy(self.router_gateways.get(router_id, []))

    def rule_counters(self, rule_id: str) -> list[dict[str, Any]]:
        return copy.deepcopy(self.counters.get(rule_id, []))
