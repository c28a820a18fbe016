"""Where things are, as the trace needs to know: ports on elements, VTEPs, who answers ARP."""

from __future__ import annotations

import ipaddress
from functools import cached_property
from typing import Any

from ryu_apps.cli.client import Client, quote
from ryu_apps.cli.errors import CliError
from ryu_apps.cli.system import element_id, first
from ryu_apps.cli.table import Record
from vrouter_ovs.encapsulation import VXLAN
from vrouter_ovs.numbers import SUBPORT_NUMBERS

SOMEBODY = "0a:00:00:00:00:01"
"""A MAC that no port has."""


def addresses(element: Record) -> list[str]:
    """The addresses of an element in the underlay, in the order of its paths."""
    return element.get("vteps") or [element.get("vtep", "")]


class Topology:
    """Asks the API once for each thing that is needed."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._objects: dict[tuple[str, str], list[dict[str, Any]]] = {}

    @cached_property
    def elements(self) -> dict[str, Record]:
        # One that was refused may have the system-id or the VTEP of another.
        return {element_id(one): one for one in self._client.system("elements", "elements")
                if not one.get("refused")}

    def element(self, name: str) -> Record:
        if name not in self.elements:
            raise CliError(f"the element {name} is not known; see `vnctl elements`")
        return self.elements[name]

    def by_vtep(self, vtep: str) -> Record | None:
        """The element that has this address, on whatever underlay path."""
        return next((one for one in self.elements.values() if vtep in addresses(one)), None)

    def objects(self, element: str, kind: str) -> list[dict[str, Any]]:
        """State objects of one kind; the element's owner is asked by the node."""
        key = (element, kind)
        if key not in self._objects:
            path = f"vrouters/{quote(element)}/objects"
            self._objects[key] = self._client.system(path, "objects", kind=kind)
        return self._objects[key]

    # ---- ports of switches

    def claim(self, port: Record) -> tuple[str, int]:
        """The element that holds a port and its OpenFlow number there.  Raises CliError."""
        detail = self._client.get(f"/v1/ports/{quote(port['id'])}")
        claims = detail.get("claims") or []
        state = detail.get("state") or {}
        holding = [one for one in claims if one.get("holds")] or claims
        element = state.get("element") or (holding[0].get("element") if holding else "")
        if not element:
            raise CliError(
                f"no hypervisor claims the port {port['name'] or port['id']}, so it sends nothing; "
                f"see `vnctl port show {port['id']}`"
            )
        for one in holding:
            if one.get("element") == element and (one.get("ofport") or 0) > 0:
                return element, one["ofport"]
        for one in self.objects(element, "port"):
            if one.get("port_id") == port["id"]:
                return element, one["ofport"]
        raise CliError(
            f"the port {port['name'] or port['id']} has no OpenFlow port number on {element} yet "
            f"(status {state.get('status')}, {state.get('reason') or 'no reason given'})"
        )

    def tunnel_ofport(self, element: str, remote: str, encap: str = VXLAN) -> int | None:
        """The OpenFlow number of the tunnel of this encapsulation from ``element`` towards an
        address of a VTEP."""
        far = self.by_vtep(remote)
        path = 0
        if far is not None:
            path, remote = addresses(far).index(remote), far["vtep"]
        tunnels = self.element(element).get("tunnels")
        ports = {}
        for one in tunnels if isinstance(tunnels, list) else []:
            vtep = first(one, "vtep", "remote", "remote_ip") if isinstance(one, dict) else None
            if vtep == remote and one.get("encap", VXLAN) == encap and (one.get("ofport") or 0) > 0:
                ports[one.get("path") or 0] = one["ofport"]
        if ports:
            return ports.get(path, ports[min(ports)])
        for one in self.objects(element, "tunnel"):
            endpoint = one.get("endpoint")
            if isinstance(endpoint, dict) and (
                endpoint.get("vtep"), endpoint.get("encap", VXLAN)
            ) == (remote, encap):
                return one["ofport"]
        return None

    def is_down(self, element: str, remote: str) -> bool:
        """Whether BFD has lost the VTEP that has an address, on every underlay path."""
        far = self.by_vtep(remote)
        vtep = far["vtep"] if far is not None else remote
        tunnels = self.element(element).get("tunnels")
        states = [
            one.get("bfd") for one in (tunnels if isinstance(tunnels, list) else [])
            if one.get("vtep") == vtep
        ]
        return bool(states) and all(state == "down" for state in states)

    # ---- physical segments

    def segment(self, element: str, evi: object) -> dict[str, Any] | None:
        """The segment of an EVI at an element, with the name of its physical network, where it
        sends to one."""
        for one in self.objects(element, "segment"):
            if one.get("evi") == evi and one.get("sends"):
                names = (
                    physical["name"] for physical in self.objects(element, "physical")
                    if physical.get("ofport") == one["ofport"]
                )
                return {**one, "physical_network": next(names, "")}
        return None

    def behind_segment(self, mac: str, evi: object) -> tuple[str, dict[str, Any]] | None:
        """The element with the port that has a MAC, and its segment of the EVI; None where no
        hypervisor has such a port."""
        for port in self._client.networking("ports", mac_address=mac):
            try:
                element, _ = self.claim(port)
            except CliError:
                continue
            if segment := self.segment(element, evi):
                return element, segment
        return None

    def wire(self, element: str, ofport: int) -> tuple[int, int]:
        """The OpenFlow port by which frames of a port come in, and their VLAN: of a subport those
        of its trunk's parent."""
        for one in self.objects(element, "port") if ofport >= SUBPORT_NUMBERS[0] else ():
            if one.get("ofport") == ofport and one.get("vlan"):
                return one["parent"], one["vlan"]
        return ofport, 0

    def port_at(self, element: str, ofport: int) -> dict[str, Any] | None:
        """The port behind an OpenFlow number: ``{"id", "name", "addresses"}``."""
        for one in self.objects(element, "port"):
            if one.get("ofport") == ofport:
                return self._describe(one["port_id"])
        return None

    def _describe(self, id: str) -> dict[str, Any]:
        found = self._client.networking("ports", id=id)
        port = found[0] if found else {}
        addresses = [fixed["ip_address"] for fixed in port.get("fixed_ips") or []]
        return {"id": id, "name": port.get("name") or id, "addresses": addresses}

    # ---- first hop

    def source(self, port: Record, address: str) -> tuple[str, dict[str, Any]]:
        """The address the port sends from towards ``address``, and that address's subnet."""
        to = ipaddress.ip_address(address)
        choices = []
        for fixed in port.get("fixed_ips") or []:
            if ipaddress.ip_address(fixed["ip_address"]).version == to.version:
                subnet = self._client.get(f"/v2.0/subnets/{quote(fixed['subnet_id'])}")["subnet"]
                choices.append((to not in ipaddress.ip_network(subnet["cidr"]), fixed, subnet))
        if not choices:
            raise CliError(
                f"the port {port['name'] or port['id']} has no IPv{to.version} address to send from"
            )
        _, fixed, subnet = min(choices, key=lambda choice: choice[0])
        return fixed["ip_address"], subnet

    def destination_mac(
        self, port: Record, element: str, subnet: Record, address: str
    ) -> tuple[str, str]:
        """The MAC that the sender's ARP or ND finds for the first hop, and whose it is; the MAC is
        "" when nobody answers."""
        to = ipaddress.ip_address(address)
        if to in ipaddress.ip_network(subnet["cidr"]):
            target, role = address, f"on-link neighbor {address}"
        elif subnet.get("gateway_ip"):
            target, role = subnet["gateway_ip"], f"gateway {subnet['gateway_ip']}"
        else:
            return "", f"the subnet {subnet['cidr']} has no gateway"
        network = self._client.get(f"/v2.0/networks/{quote(port['network_id'])}")["network"]
        evi = next(
            (one.get("evi") for one in self.objects(element, "port")
             if one.get("port_id") == port["id"]), network.get("provider:segmentation_id"),
        )
        refused = ""
        for kind in ("gateway", "neighbor"):
            for one in self.objects(element, kind):
                if one.get("evi") == evi and target in (
                    one.get("address"), *(one.get("addresses") or ())
                ):
                    if not one.get("refused"):
                        return one["mac"], role
                    refused = f"the switch refused the answer ({one['refused']})"
        segment = self.segment(element, evi)
        if network.get("vpn:flood_unknown") or segment:
            for other in self._client.networking("ports", network_id=port["network_id"]):
                if any(fixed["ip_address"] == target for fixed in other.get("fixed_ips") or []):
                    return other["mac_address"], role
        if segment:
            return SOMEBODY, f"{role}, with a MAC that only the segment knows"
        what = "no router has an interface there" if target != address else (
            "nobody is known to have it")  # fmt: skip
        return "", f"nobody answers for the {role}: {refused or what}"
