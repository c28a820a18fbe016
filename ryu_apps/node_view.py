"""What REST sees of the running node: :class:`northbound.base.NodeView` on the real thing."""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict
from typing import Any

from ryu_apps.address_view import shared_addresses
from ryu_apps.control.explain import explain
from ryu_apps.control.instances import Instance, select_mac
from ryu_apps.control.messages import ForgetElement
from ryu_apps.control.model import Port
from ryu_apps.control.rib import LOCAL
from ryu_apps.control.routes import Path
from ryu_apps.control.world import World
from ryu_apps.controller import Controller
from ryu_apps.northbound.base import DOWN, NodeView, PortState, Remote
from ryu_apps.peering.base import Engine
from ryu_apps.southbound.openflow import NotConnected, OpenFlowSouthbound
from ryu_apps.southbound.ovsdb import OvsdbSouthbound
from ryu_apps.store.base import Store
from vrouter_ovs.cookies import cookie


class LiveView(NodeView):
    """``record``: this node's own ``/status/nodes`` record.  ``edge``: what became of the punted
    packets of an element.  ``names``: what the node does about names that VMs ask for."""

    def __init__(
        self,
        controller: Controller,
        store: Store,
        openflow: OpenFlowSouthbound,
        ovsdb: OvsdbSouthbound,
        engine: Engine | None,
        record: Callable[[], dict[str, Any]],
        edge: Callable[[str], dict[str, Any]],
        names: Callable[[], dict[str, Any]] = dict,
    ) -> None:
        self._controller = controller
        self._store = store
        self._openflow = openflow
        self._ovsdb = ovsdb
        self._engine = engine
        self._record = record
        self._edge = edge
        self._names = names

    # ------------------------------------------------------------ ports

    def port_states(self, port_ids: Iterable[str]) -> dict[str, PortState]:
        wanted = list(port_ids)
        return self._controller.query(
            lambda world: {port_id: port_state(world, port_id) for port_id in wanted}
        )

    def port_detail(self, port_id: str) -> dict[str, Any]:
        return self._controller.query(lambda world: port_detail(world, port_id))

    # ------------------------------------------------------------ the system

    def health(self) -> dict[str, Any]:
        checks = []

        def check(name: str, ok: bool, detail: str) -> None:
            checks.append({"name": name, "ok": bool(ok), "detail": detail})

        store = self._store.status()
        check("store", store["ok"], store.get("error") or f"{store['kind']}, reachable")
        peers = self.peers()
        down = [peer["name"] for peer in peers if not peer["up"]]
        check("peers", not down, f"down: {', '.join(down)}" if down else f"{len(peers)} up")
        elements = [one for one in self.elements() if one["owner"] == self._record()["node"]]
        away = [one["hostname"] for one in elements if not one["connected"]]
        check("hypervisors", not away,
              f"not connected: {', '.join(away)}" if away else f"{len(elements)} connected")
        late = [one["hostname"] for one in elements if one["connected"] and not one.get("settled")]
        check("vrouters", not late,
              f"not confirmed: {', '.join(late)}" if late else "all changes confirmed")
        waiting, rejected = self._controller.query(
            lambda world: (world.convergence.waiting_for(), len(world.vrouters.rejected))
        )
        check("start", not waiting,
              f"after the start, waiting for {waiting}" if waiting else "converged")
        check("flows", not rejected,
              f"the switches refused {rejected} objects" if rejected else "none refused")
        check("core", not self._controller.failures,
              f"{self._controller.failures} internal errors, see the log"
              if self._controller.failures else "no internal error")
        ok = all(one["ok"] for one in checks)
        return {"status": "ok" if ok else "degraded", **self._record(), "checks": checks}

    def counts(self) -> dict[str, int]:
        return self._controller.query(_counts)

    def dns(self) -> dict[str, Any]:
        return self._names()

    def nodes(self) -> list[dict[str, Any]]:
        own = self._record()

        def read(world: World) -> list[dict[str, Any]]:
            records = {**world.nodes, own["node"]: {**world.nodes.get(own["node"], {}), **own}}
            owned: dict[str, int] = {}
            for record in world.elements.records.values():
                owned[record["owner"]] = owned.get(record["owner"], 0) + 1
            for name in owned.keys() - records.keys():
                records[name] = {"node": name}
            return [
                {**record, "alive": name in world.nodes or name == own["node"],
                 "elements": owned.get(name, 0), "self": name == own["node"]}
                for name, record in sorted(records.items())
            ]

        return self._controller.query(read)

    def peers(self) -> list[dict[str, Any]]:
        states = {}
        for state in self._engine.status() if self._engine is not None else ():
            states[state.get("peer") or state.get("name") or state.get("id")] = state

        def read(world: World) -> list[dict[str, Any]]:
            return [
                {**state, "name": name, "up": name in world.peers_up,
                 "paths": world.rib.count(name), "stale_paths": world.rib.stale_count(name)}
                for name, state in states.items()
            ]

        return self._controller.query(read)

    # ------------------------------------------------------------ elements

    def elements(self) -> list[dict[str, Any]]:
        found = self._controller.query(_elements)
        for one in found:
            if one["mine"]:
                one["openflow"] = self._openflow.status(one["element"])
                one["edge"] = self._edge(one["element"])
        return found

    def element_owner(self, element: str) -> Remote | None:
        def read(world: World) -> Remote | None:
            if element in world.elements.accepted:
                return None
            owner = world.elements.records[element]["owner"]
            node = world.nodes.get(owner)
            if owner == world.settings.node or node is None:
                return None
            return Remote(owner, node["url"])

        return self._controller.query(read)

    def port_owner(self, port_id: str) -> Remote | None:
        def read(world: World) -> str:
            return "" if port_id in world.ports.bound else port_state(world, port_id).element

        element = self._controller.query(read)
        try:
            return self.element_owner(element) if element else None
        except KeyError:
            return None  # It has just been forgotten.

    def forget_element(self, element: str) -> None:
        def check(world: World) -> None:
            known = world.elements.records[element]
            accepted = world.elements.accepted.get(element)
            if (accepted is not None and accepted.session is not None) or (
                known["connected"] and known["owner"] in world.nodes and accepted is None
                and known["owner"] != world.settings.node
            ):
                raise ValueError("its OVSDB session is up")

        self._controller.query(check)
        self._controller.post(ForgetElement(element))

    # ------------------------------------------------------------ VPNs and routes

    def evis(self) -> list[dict[str, Any]]:
        return self._controller.query(lambda world: _instances(world, "evi"))

    def vrfs(self) -> list[dict[str, Any]]:
        return self._controller.query(lambda world: _instances(world, "vrf"))

    def rib(self) -> list[dict[str, Any]]:
        return self._controller.query(_rib)

    # ------------------------------------------------------------ vrouters

    def vrouter_objects(self, element: str) -> list[dict[str, Any]]:
        def read(world: World) -> list[tuple]:
            return list(world.desired.objects[element].items())

        objects = self._controller.query(read)
        refused = self._controller.query(
            lambda world: {key: why for (name, key), why in world.vrouters.rejected.items()
                           if name == element}
        )
        found = []
        for key, item in objects:
            one = {"kind": item.kind, "key": list(key), "cookie": f"0x{cookie(key):016x}",
                   **asdict(item)}
            if key in refused:
                one["refused"] = refused[key]
            found.append(one)
        return found

    def vrouter_flows(self, element: str) -> list[dict[str, Any]]:
        keys = self._controller.query(lambda world: list(world.desired.objects[element]))
        objects = {cookie(key): list(key) for key in keys}
        flows = self._openflow.flows(element)
        for flow in flows:
            value = flow["cookie"]
            number = int(value, 0) if isinstance(value, str) else value
            flow["object"] = objects.get(number)
        return flows

    # ------------------------------------------------------------ security groups

    def explain(self, port_id: str, to: str, **packet: Any) -> dict[str, Any]:
        return self._controller.query(
            lambda world: explain(
                world.config, port_id, to, **packet,
                routed=lambda vni, address: _routed(world, vni, address),
                states=lambda one: port_state(world, one).status,
            )
        )

    def rule_counters(self, rule_id: str) -> list[dict[str, Any]]:
        places = self._controller.query(lambda world: _rule_cookies(world, rule_id))
        found = []
        for (element, host), cookies in places.items():
            one: dict[str, Any] = {"element": element, "host": host}
            try:
                counts = self._openflow.counters(element)
            except (KeyError, NotConnected, TimeoutError) as error:
                one["error"] = str(error) or type(error).__name__
            else:
                known = [counts[number] for number in cookies if number in counts]
                one["packets"] = sum(packets for packets, _ in known)
                one["bytes"] = sum(octets for _, octets in known)
            found.append(one)
        return found


# ---------------------------------------------------------------- reading a World


def _routed(world: World, vni: int, address: str) -> str:
    """The longest prefix by which the routes of an instance lead to an address, or ""."""
    instance = world.instances.by_vni.get(vni)
    if instance is None:
        return ""
    if instance.spec.kind == "evi":
        return address if address in instance.ips else ""
    parsed = ipaddress.ip_address(address)
    for length in range(parsed.max_prefixlen, -1, -1):
        prefix = str(ipaddress.ip_network((parsed, length), strict=False))
        if prefix in instance.prefixes:
            return prefix
    return ""


def _rule_cookies(world: World, rule_id: str) -> dict[tuple[str, str], list[int]]:
    """(element, host) -> cookies of the objects that come from a security group rule."""
    rule = world.config.security_group_rules.get(rule_id)
    found: dict[tuple[str, str], list[int]] = {}
    if rule is None:
        return found
    for policy, places in world.policies.present.items():
        if rule.security_group_id not in world.policies.sets[policy]:
            continue
        for element in places:
            if element not in world.elements.accepted:
                continue
            host = world.elements.accepted[element].info.hostname
            cookies = found.setdefault((element, host), [])
            objects = world.desired.objects[element]
            cookies += [
                cookie(key) for key in world.desired.keys(element, ("policy", policy))
                if key[0] == "rule" and rule_id in objects[key].rules
            ]
    return found


def port_state(world: World, port_id: str) -> PortState:
    """What is true of a port: bound here, or announced by another node."""
    port = world.config.ports.get(port_id)
    if port is None:
        return DOWN
    if port.is_router_interface:
        # A router interface is on every vrouter where its network is; it has no place of its own.
        return PortState("ACTIVE" if port.admin_state_up else "DOWN", "")
    bound = world.ports.bound.get(port_id)
    if bound is not None:
        host = world.elements.accepted[bound.element].info.hostname
        if port_id in world.ports.rejected:
            return PortState("ERROR", host, bound.element, world.ports.rejected[port_id])
        active = port_id in world.ports.active and not world.ports.is_pending(port_id)
        return PortState("ACTIVE" if active else "BUILD", host, bound.element)
    path = _remote_path(world, port)
    if path is not None:
        element = world.elements.by_vtep.get(path.attrs.next_hop, "")
        record = world.elements.records.get(element)
        host = record["hostname"] if record else path.attrs.next_hop
        return PortState("ACTIVE", host, element)
    reasons = world.ports.refused.get(port_id, {})
    return PortState("DOWN", "", reason="; ".join(dict.fromkeys(reasons.values())))


def _remote_path(world: World, port: Port) -> Path | None:
    network = world.config.networks.get(port.network_id)
    if network is None or not port.admin_state_up:
        return None
    instance = world.instances.by_vni.get(network.vni)
    paths = instance.macs.get(port.mac_address, ()) if instance else ()
    return select_mac(paths, world.rib.stale_best.__contains__)


def port_detail(world: World, port_id: str) -> dict[str, Any]:
    state = port_state(world, port_id)
    bound = world.ports.bound.get(port_id)
    refused = world.ports.refused.get(port_id, {})
    claims = []
    for claim, row in world.elements.claims.get(port_id, {}).items():
        holds = bound is not None and (bound.element, bound.interface) == claim
        claims.append({
            "element": claim.element,
            "host": world.elements.accepted[claim.element].info.hostname,
            "interface": claim.interface,
            "ofport": row.ofport,
            "holds": holds,
            "reason": refused.get(claim, ""),
            "node": world.settings.node,
        })
    local = {claim["element"] for claim in claims}
    for (claimed, element), record in world.claim_records.items():
        if claimed == port_id and element not in local:
            claims.append({
                "element": element, "host": record["host"], "interface": record["interface"],
                "ofport": None, "holds": False, "reason": record["reason"],
                "node": record["node"],
            })
    if state.element and bound is None:
        record = world.elements.records.get(state.element, {})
        claims.insert(0, {
            "element": state.element, "host": state.host, "interface": None, "ofport": None,
            "holds": True, "reason": "", "node": record.get("owner", ""),
        })
    return {
        "id": port_id, "state": state._asdict(), "claims": claims,
        "shared_addresses": shared_addresses(world, port_id),
    }


def _counts(world: World) -> dict[str, int]:
    """Cheap totals.  ``unconfirmed``: changes that some vrouter of ours has not confirmed yet."""
    return {
        "ports": len(world.config.ports),
        "bound_ports": len(world.ports.bound),
        "active_ports": len(world.ports.active),
        "paths": len(world.rib),
        "local_paths": world.rib.count(LOCAL),
        "unconfirmed": sum(
            element.revision - element.acked for element in world.elements.accepted.values()
        ),
        "objects": sum(map(len, world.desired.objects.values())),
    }


def _elements(world: World) -> list[dict[str, Any]]:
    found = []
    for name, record in sorted(world.elements.records.items()):
        one = {
            "id": name, **record, "mine": name in world.elements.accepted,
            "connected": record["connected"]
            and (record["owner"] in world.nodes or record["owner"] == world.settings.node),
        }
        element = world.elements.accepted.get(name)
        if element is not None:
            ports = [port for port in world.ports.bound.values() if port.element == name]
            one |= {
                "router_mac": element.router_mac,
                "settled": element.settled,
                "reason": element.reason,
                "ports": [
                    {"id": port.port_id, "interface": port.interface, "ofport": port.ofport}
                    for port in ports
                ],
                "tunnels": [
                    {"vtep": status.vtep, "ofport": status.ofport, "bfd": status.bfd,
                     "error": status.error}
                    for status in element.tunnels.values()
                ],
            }
        found.append(one)
    for info, reason in world.elements.refused.values():
        found.append({
            "id": info.element, "element": info.element, "hostname": info.hostname,
            "vtep": info.vtep, "address": info.address, "owner": world.settings.node,
            "mine": False, "connected": False, "refused": reason,
        })
    return found


def _instances(world: World, kind: str) -> list[dict[str, Any]]:
    found = []
    for vni, instance in sorted(world.instances.by_vni.items()):
        if instance.spec.kind == kind:
            found.append(_instance(world, vni, instance))
    return found


def _instance(world: World, vni: int, instance: Instance) -> dict[str, Any]:
    spec = instance.spec
    table = "network" if spec.kind == "evi" else "router"
    item = world.config.get(table, spec.id)
    one: dict[str, Any] = {
        "vni": vni,
        table: spec.id,
        "name": item.name if item else "",
        "rd_index": spec.rd_index,
        "import_targets": sorted(spec.imports),
        "export_targets": list(spec.exports),
    }
    if spec.kind == "evi":
        one["vrouters"] = sorted(world.ports.present.get(vni, ()))
        one |= {"macs": len(instance.macs), "addresses": len(instance.ips),
                "flood": sorted(path.attrs.next_hop for path in instance.imets.values())}
    else:
        one["vrouters"] = sorted(world.presence.vrfs.get(vni, ()))
        one["prefixes"] = len(instance.prefixes)
    return one


def _rib(world: World) -> list[dict[str, Any]]:
    found = []
    for source, path, best, stale in world.rib.all_paths():
        nlri, attrs = path.nlri, path.attrs
        instances = world.instances
        imported = [instances.by_vni[vni].spec for vni in instances.importing(attrs.rts)]
        one: dict[str, Any] = {
            "family": nlri.family, "type": nlri.route_type, **nlri._asdict(),
            "next_hop": attrs.next_hop, "labels": list(path.labels), "rts": list(attrs.rts),
            "encap": attrs.encap, "router_mac": attrs.router_mac, "mobility": attrs.mobility,
            "local_pref": attrs.local_pref, "as_path": list(attrs.as_path),
            "peer": source or "local", "best": best, "stale": stale,
            "evi": [spec.vni for spec in imported if spec.kind == "evi"],
            "vrf": [spec.vni for spec in imported if spec.kind == "vrf"],
        }
        found.append(one)
    found.sort(key=lambda one: (one["type"], one["rd"], one.get("mac", ""), one.get("ip", ""),
                                one.get("prefix", ""), one["peer"]))
    return found


def started() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
