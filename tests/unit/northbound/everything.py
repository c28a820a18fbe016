"""A node with several resources of every collection, unlike one another in what they say."""

from __future__ import annotations

from typing import Any

from ryu_apps.northbound.resources.collection import Collection
from tests.unit.northbound.api_client import Node, options

ENOUGH = 5
"""So many of each there are at least."""


def located(node: Node, path: str, parent: Collection | None) -> str:
    """Where the members of a collection are: of a nested one those of a parent that has some."""
    if parent is None:
        return path
    root = located(node, parent.root, parent.parent)
    last = path.rpartition("/")[2]
    found = [f"{root}/{one['id']}/{last}" for one in node.get(root)[parent.plural]]
    return next((below for below in found if any(node.get(below).values())), found[0])


def _post(node: Node, path: str, kind: str, /, **fields: Any) -> dict[str, Any]:
    return node.call("POST", f"/v2.0/{path}", {kind: fields})[kind]


def _trunks(node: Node, network: str) -> None:
    for vlans, fields in (
        ((10, 20), {"name": "t", "tags": ["a", "b"]}), ((), {"name": "T", "project_id": "p"}),
        ((10,), {"admin_state_up": False, "description": "d"}), ((), {"name": "t", "tags": ["b"]}),
        ((4094,), {"project_id": "q", "tags": ["c d"]}),
    ):
        parent, *ports = [
            node.make("port", network_id=network, fixed_ips=[])["id"] for _ in (0, *vlans)]
        _post(node, "trunks", "trunk", port_id=parent, **fields, sub_ports=[
            {"port_id": port, "segmentation_type": "vlan", "segmentation_id": vlan}
            for port, vlan in zip(ports, vlans, strict=True)])


def populated() -> Node:
    """Close it."""
    conf = options(unlimited=True)
    conf.set_override("vni_range", "1000-1999", "vpn")
    node = Node(conf=conf)
    node.view.node_list = [
        {"node": "node1", "alive": True, "self": True, "url": node.url,
         "started_at": "2026-01-31T12:00:00Z"}, {"node": "node2", "alive": False}]
    node.view.element_list = [
        {"id": "e1", "hostname": "hv1", "vtep": "192.0.2.1", "owner": "node1", "connected": True},
        {"id": "e2", "hostname": "", "vtep": "192.0.2.2", "owner": "node1", "connected": False}]
    networks = [node.make("network", **fields)["id"] for fields in (
        {"name": "red", "tags": ["a", "b"], "project_id": "p", "dns_domain": "red.example."},
        {"name": "Red", "tags": ["b"], "shared": True, "mtu": 1300, "description": "d"},
        {"name": "", "project_id": "q", "admin_state_up": False, "vpn:flood_unknown": True},
        {"name": "red", "port_security_enabled": False, "vpn:import_targets": ["64512:9"],
         "vpn:mdns": "answer"},
        {"name": "ä+&=", "project_id": "p", "availability_zone_hints": ["nova"], "tags": ["c d"]},
    )]
    scopes = [
        _post(node, "address-scopes", "address_scope", **fields)["id"] for fields in (
            {"ip_version": 4, "name": "s4", "tags": ["a"]}, {"ip_version": 6, "name": "s6"},
            {"ip_version": 4, "name": "s4", "project_id": "p", "shared": True},
            {"ip_version": 4, "description": "d"}, {"ip_version": 6, "project_id": "q"},
        )]
    pools = [node.make("subnetpool", **fields)["id"] for fields in (
        {"name": "a", "prefixes": ["172.16.0.0/16", "172.20.0.0/16"], "is_default": True},
        {"name": "b", "prefixes": ["fd10::/48"], "project_id": "p", "tags": ["a", "b"]},
        {"name": "a", "prefixes": ["10.128.0.0/9"], "address_scope_id": scopes[0],
         "default_quota": 5000},
        {"name": "c", "prefixes": ["192.168.0.0/16"], "min_prefixlen": 24, "shared": True},
        {"name": "d", "prefixes": ["172.31.0.0/16"], "description": "d", "project_id": "q"},
    )]
    subnets = [node.make("subnet", network_id=networks[at], **fields)["id"] for at, fields in (
        (0, {"cidr": "10.0.0.0/24", "name": "s", "dns_nameservers": ["192.0.2.53"]}),
        (0, {"cidr": "fd00::/64", "gateway_ip": None, "tags": ["a"]}),
        (1, {"cidr": "10.0.0.0/24", "enable_dhcp": False, "description": "d", "name": "S",
             "allocation_pools": [{"start": "10.0.0.9", "end": "10.0.0.99"}]}),
        (1, {"cidr": "fd00:1::/64", "ipv6_address_mode": "slaac", "ipv6_ra_mode": "slaac"}),
        (2, {"subnetpool_id": pools[0], "prefixlen": 26,
             "service_types": ["network:x", "compute:nova"]}),
        (3, {"cidr": "10.0.3.0/24",
             "host_routes": [{"destination": "10.9.0.0/16", "nexthop": "10.0.3.9"}]}),
    )]
    segment = node.get(f"/v2.0/segments?network_id={networks[4]}")["segments"][0]["id"]
    node.call("PUT", f"/v2.0/segments/{segment}", {"segment": {"name": "seg", "description": "d"}})
    node.call("PUT", f"/v2.0/segments/{segment}/tags", {"tags": ["a", "b"]})
    node.make("subnet", network_id=networks[4], cidr="10.0.4.0/24", segment_id=segment)
    groups = [
        _post(node, "security-groups", "security_group", **fields)["id"] for fields in (
            {"name": "g"}, {"name": "G", "stateful": False, "project_id": "p"},
            {"name": "", "description": "d", "tags": ["a", "b"]}, {"name": "g", "tags": ["b"]},
            {"name": "h", "project_id": "q"},
        )]
    lists = [_post(node, "address-groups", "address_group", **fields)["id"] for fields in (
        {"name": "l", "addresses": ["10.0.0.7/32", "fd00::/64"]}, {"tags": ["a"]},
        {"name": "l", "project_id": "p"}, {"description": "d"}, {"name": "m", "tags": ["a", "b"]},
    )]
    for fields in (
        {"protocol": "tcp", "port_range_min": 22, "port_range_max": 23, "tags": ["a"]},
        {"protocol": "udp", "remote_group_id": groups[3], "description": "d"},
        {"protocol": "icmp", "port_range_min": 8, "remote_ip_prefix": "10.1.2.3/8"},
        {"ethertype": "IPv6", "remote_address_group_id": lists[0], "direction": "egress"},
        {"protocol": "89", "tags": ["a", "b"]},
    ):
        _post(node, "security-group-rules", "security_group_rule",
              **{"security_group_id": groups[0], "direction": "ingress", **fields})
    for fields in (
        {"name": "vm", "tags": ["a"], "security_groups": [groups[0], groups[3]]},
        {"name": "VM", "device_id": "i-1", "device_owner": "compute:nova", "project_id": "p"},
        {"fixed_ips": [], "port_security_enabled": False, "binding:host_id": "hv1"},
        {"description": "d", "allowed_address_pairs": [{"ip_address": "10.0.0.99"}]},
        {"name": "vm", "admin_state_up": False, "tags": ["a", "b"], "dns_name": "vm",
         "extra_dhcp_opts": [{"opt_name": "mtu", "opt_value": "1400", "ip_version": 4}]},
    ):
        node.make("port", network_id=networks[0], **fields)
    _trunks(node, networks[1])
    routers = [node.make("router", **fields)["id"] for fields in (
        {"name": "r", "tags": ["a", "b"]}, {"name": "R", "project_id": "p"}, {"name": "r"},
        {"admin_state_up": False, "description": "d"}, {"vpn:export_targets": ["64512:7"]},
    )]
    node.call("PUT", f"/v2.0/routers/{routers[0]}/add_router_interface", {"subnet_id": subnets[5]})
    node.call("PUT", f"/v2.0/routers/{routers[0]}", {"router": {"routes": [
        {"destination": "10.50.0.0/16", "nexthop": "10.0.3.50"}]}})
    outside = node.make("network", name="out", **{"router:external": True})["id"]
    node.make("subnet", network_id=outside, cidr="203.0.113.0/24")
    node.call("PUT", f"/v2.0/routers/{routers[0]}", {"router": {
        "external_gateway_info": {"network_id": outside}}})
    inside = node.make("port", network_id=networks[3])["id"]
    for fields in (
        {"port_id": inside, "tags": ["a", "b"]}, {"description": "d"}, {"tags": ["b"]},
        {"floating_ip_address": "203.0.113.77", "dns_name": "www"}, {"project_id": "p"},
    ):
        node.make("floatingip", floating_network_id=outside, **fields)
    _service_chains(node, networks[0])
    watched, watching = (
        node.make("port", network_id=networks[3], project_id="p")["id"] for _ in "ab"
    )
    for number, fields in enumerate((
        {"name": "m", "tags": ["a", "b"]}, {"name": "M", "description": "d"}, {"tags": ["b"]},
        {"name": "m", "mirror_type": "gre"}, {"port_id": inside, "project_id": ""},
    ), 1):
        _post(node, "taas/tap_mirrors", "tap_mirror", **{
            "port_id": watched, "project_id": "p", "mirror_type": "erspanv1",
            "directions": {"IN": number, "OUT": number + 100},
            "remote_ip": f"198.51.100.{number}", **fields,
        })  # fmt: skip
    other = node.make("port", network_id=networks[3])["id"]
    services = [
        _post(node, "taas/tap_services", "tap_service", **{
            "port_id": watching, "project_id": "p", **fields,
        })["id"]
        for fields in (
            {"name": "s", "tags": ["a", "b"]}, {"description": "d"}, {"name": "S"},
            {"tags": ["b"]}, {"port_id": other, "project_id": ""},
        )
    ]  # fmt: skip
    for direction, fields in (
        ("IN", {"name": "f", "tags": ["a", "b"]}), ("OUT", {"description": "d"}), ("BOTH", {}),
        ("IN", {"name": "F", "tap_service_id": services[1]}),
        ("IN", {"tap_service_id": services[4], "source_port": inside, "project_id": ""}),
    ):
        _post(node, "taas/tap_flows", "tap_flow", **{
            "source_port": watched, "project_id": "p", "tap_service_id": services[0],
            "direction": direction, **fields,
        })  # fmt: skip
    for kind, id, target in (
        ("network", networks[0], "x"), ("network", networks[2], "y"), ("network", networks[0], "y"),
        ("security_group", groups[0], "x"), ("address_scope", scopes[3], "x"),
    ):
        _post(node, "rbac-policies", "rbac_policy", object_type=kind, object_id=id,
              target_tenant=target, action="access_as_shared")
    for minimum, fields in (
        (2000, {"name": "a", "tags": ["a", "b"]}), (2100, {"description": "d"}),
        (1900, {"shared": False, "project_id": "p"}), (2200, {"name": "a"}),
    ):
        _post(node, "network_segment_ranges", "network_segment_range", network_type="vxlan",
              minimum=minimum, maximum=minimum + 9, **fields)
    policies = [
        _post(node, "qos/policies", "policy", **fields)["id"] for fields in (
            {"name": "gold", "tags": ["a", "b"]}, {"name": "gold", "project_id": "p"},
            {"is_default": True, "project_id": "q"}, {"shared": True, "tags": ["a"]},
            {"description": "d"},
        )]
    for path, rules in (
        ("bandwidth_limit_rule", [{"max_kbps": 1000}, {"max_kbps": 9, "direction": "ingress"}]),
        ("packet_rate_limit_rule", [{"max_kpps": 1}, {"max_kpps": 2, "direction": "ingress"}]),
        ("dscp_marking_rule", [{"dscp_mark": 26}]),
        ("minimum_bandwidth_rule", [{"min_kbps": 10}]),
        ("minimum_packet_rate_rule", [{"min_kpps": 1, "direction": "any"}]),
    ):
        for rule in rules:
            _post(node, f"qos/policies/{policies[0]}/{path}s", path, **rule)
    return node


def _service_chains(node: Node, network: str) -> None:
    ports = [node.make("port", network_id=network)["id"] for _ in range(6)]
    shown = ({"name": "a", "tags": ["a", "b"]}, {"description": "d"}, {"tags": ["b"]},
             {"project_id": "p"}, {"name": "a"})
    pairs = [
        _post(node, "sfc/port_pairs", "port_pair", ingress=port, egress=port, **fields)["id"]
        for port, fields in zip(ports, shown, strict=False)]
    groups = [
        _post(node, "sfc/port_pair_groups", "port_pair_group", port_pairs=[pair], **fields)["id"]
        for pair, fields in zip(pairs, shown, strict=True)]
    classifiers = [
        _post(node, "sfc/flow_classifiers", "flow_classifier", protocol="tcp",
              logical_source_port=ports[5], destination_port_range_min=80 + number,
              destination_port_range_max=80 + number, **fields)["id"]
        for number, fields in enumerate(shown)]
    for group, classifier, fields in zip(groups, classifiers, shown, strict=True):
        _post(node, "sfc/port_chains", "port_chain", port_pair_groups=[group],
              flow_classifiers=[classifier], **fields)
