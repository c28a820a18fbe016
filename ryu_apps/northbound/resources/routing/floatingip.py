"""``/v2.0/floatingips``."""

from __future__ import annotations

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import FloatingIP, Port
from ryu_apps.control.config.resources.routing.floatingip import FLOATINGIP
from ryu_apps.control.config.rules.routing import floatingips
from ryu_apps.northbound.base import DOWN, NodeView
from ryu_apps.northbound.bodies.fields import Address, Body, Text, Uuid, UuidOrNone, only
from ryu_apps.northbound.listing.attributes import STATUS, STRING, as_address, or_null
from ryu_apps.northbound.resources import standard
from ryu_apps.northbound.resources.collection import Collection, State, View

_ADDRESS = or_null("string", as_address)


class FloatingipUpdate(Body):
    description: Text = ""
    port_id: UuidOrNone = None
    fixed_ip_address: Address | None = None
    qos_policy_id: only() = None


class FloatingipCreate(FloatingipUpdate, standard.Owned):
    floating_network_id: Uuid
    floating_ip_address: Address | None = None
    subnet_id: UuidOrNone = None
    dns_name: Text = ""
    dns_domain: Text = ""


def _port(config: Config, item: FloatingIP) -> Port | None:
    """What it stands for."""
    return config.ports.get(item.port_id)


def view(item: FloatingIP, port: Port | None) -> View:
    return {
        "id": item.id,
        "floating_network_id": item.floating_network_id,
        "floating_ip_address": item.floating_ip_address,
        "port_id": item.port_id or None,
        "fixed_ip_address": item.fixed_ip_address or None,
        "router_id": item.router_id or None,
        "status": "DOWN",
        "port_details": _details(port),
        "dns_name": item.dns_name,
        "dns_domain": item.dns_domain,
        **standard.standard(item),
    }


def _details(port: Port | None) -> View | None:
    if port is None:
        return None
    return {
        "name": port.name,
        "network_id": port.network_id,
        "mac_address": port.mac_address,
        "admin_state_up": port.admin_state_up,
        "status": "DOWN",
        "device_id": port.device_id,
        "device_owner": port.device_owner,
    }


def _add_states(node_view: NodeView, found: list[View], new: bool) -> None:
    """What is true now: a floating IP is ACTIVE once the switch of its port has confirmed it."""
    active = set() if new else node_view.floating_ips([one["id"] for one in found])
    named = [one["port_id"] for one in found if one["port_id"]]
    states = node_view.port_states(named) if named else {}
    for one in found:
        if one["port_id"]:
            status = states.get(one["port_id"], DOWN).status
            one["status"] = "ACTIVE" if one["id"] in active else "DOWN"
            if one["port_details"] is not None:
                one["port_details"]["status"] = status


COLLECTION = Collection(
    kind=FLOATINGIP,
    path="floatingips",
    create_body=FloatingipCreate,
    update_body=FloatingipUpdate,
    rules=floatingips,
    view=view,
    extra=_port,
    attributes={
        **standard.ATTRIBUTES,
        "floating_network_id": STRING, "floating_ip_address": _ADDRESS,
        "port_id": or_null("string"), "fixed_ip_address": _ADDRESS, "router_id": or_null("string"),
        "status": STATUS, "port_details": or_null("object"), "dns_name": STRING,
        "dns_domain": STRING,
    },
    state=State(frozenset({"status", "port_details"}), _add_states),
    extensions={
        "fip-port-details": (
            "Add port_details to Floating IP resource", "Floating IPs show the port they are of"),
    },
)
