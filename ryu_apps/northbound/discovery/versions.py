"""What clients ask first: versions, the resources of v2.0, extensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ryu_apps.northbound.http.application import Call, Reply, Route
from ryu_apps.northbound.http.errors import ApiError
from ryu_apps.northbound.resources.declarations import ALL

_UPDATED = "2026-01-01T00:00:00-00:00"

EXTENSIONS: dict[str, tuple[str, str]] = {
    "address-group": ("Address group", "Named lists of prefixes, for security group rules"),
    "aap-reject-multicast": (
        "Allowed address pairs reject multicast", "Address pairs of multicast are refused"),
    "allowed-address-pairs": (
        "Allowed Address Pairs", "Further addresses that a port may send from"),
    "binding": ("Port Binding", "Where a port is wanted, and where it is"),
    "dns-domain-ports": ("dns_domain for ports", "Ports have a DNS domain of their own"),
    "dns-integration": ("DNS Integration", "dns_name of ports, dns_domain of networks"),
    "empty-string-filtering": (
        "Empty String Filtering", "Lists can be filtered by what is empty"),
    "extra_dhcp_opt": ("Neutron Extra DHCP options", "DHCP options that a port gets besides"),
    "filter-validation": ("Filter parameters validation", "Unknown filters are refused"),
    "ip-substring-filtering": (
        "IP address substring filtering", "Ports are found by a part of their address"),
    "net-mtu": ("Network MTU", "The MTU of a network"),
    "net-mtu-writable": ("Network MTU (writable)", "The MTU of a network can be set"),
    "pagination": ("Pagination support", "limit, marker and page_reverse"),
    "port-security": ("Port Security", "Anti-spoofing of a port or network can be turned off"),
    "port-security-groups-filtering": (
        "Port filtering on security groups", "Ports are found by their security groups"),
    "project-id": ("project_id field enabled", "project_id stands beside tenant_id"),
    "provider": ("Provider Network", "Type and VNI of a network"),
    "revision-if-match": ("If-Match constraints", "If-Match: revision_number=N"),
    "router": ("Neutron L3 Router", "Routers and their interfaces"),
    "security-group": ("security-group", "Security groups and their rules"),
    "security-groups-remote-address-group": (
        "Remote address group id field for security group rules",
        "A rule can name an address group as its remote"),
    "security-groups-normalized-cidr": (
        "normalized_cidr field for security group rules", "remote_ip_prefix without host bits"),
    "security-groups-rules-belongs-to-default-sg": (
        "Security groups rules belongs to the default security group",
        "belongs_to_default_sg of a rule"),
    "sort-key-validation": (
        "Sort key validation", "Lists are not sorted by attributes that are not there"),
    "sorting": ("Sorting support", "sort_key and sort_dir"),
    "standard-attr-description": ("standard-attr-description", "Resources have a description"),
    "standard-attr-revisions": ("Resource revision numbers", "Resources have revision_number"),
    "standard-attr-tag": ("Tag support for resources", "Resources have tags"),
    "standard-attr-timestamp": ("Resource timestamps", "created_at and updated_at"),
    "stateful-security-group": (
        "Stateful security group", "Groups whose connections are tracked, or not"),
    "tag-creation": ("Tag creation", "POST adds several tags at once"),
    "tag-ports-during-bulk-creation": (
        "Tag ports during bulk creation", "New ports can have tags at once"),
    "vpn": ("VPN attributes", "RD index, VNI and route targets of networks and routers"),
}


def routes() -> list[Route]:
    return [
        Route("GET", "/", _versions, "API versions", "discovery", None, "Versions"),
        Route("GET", "/v2.0", _resources, "Resources of v2.0", "discovery", None, "Resources"),
        Route("GET", "/v2.0/extensions", _extensions, "List extensions", "discovery", None,
              "ExtensionList"),
        Route("GET", "/v2.0/extensions/{alias}", _extension, "Show an extension", "discovery",
              None, "ExtensionItem"),
    ]


def node(routes: Sequence[Route]) -> Route:
    """``/v1``: what there is below it, so that nobody has to guess."""
    listed = [
        {"method": route.method, "path": route.path, "summary": route.summary,
         "query": [name for name, _ in route.query]}
        for route in sorted(routes, key=lambda route: (route.path, route.method))
    ]
    return Route("GET", "/v1", lambda call: Reply(200, {"resources": listed}),
                 "What there is below /v1", "node", None, "Resources")


def _version(call: Call) -> dict[str, Any]:
    href = f"{call.base_url()}/v2.0/"
    return {"id": "v2.0", "status": "CURRENT", "links": [{"href": href, "rel": "self"}]}


def _versions(call: Call) -> Reply:
    return Reply(200, {"versions": [_version(call)]})


def _resources(call: Call) -> Reply:
    """The resources, and the version: clients that were given ".../v2.0" as the endpoint look for
    it here."""
    return Reply(200, {
        "version": _version(call),
        "resources": [
            {
                "name": declaration.kind,
                "collection": declaration.plural,
                "links": [{
                    "rel": "self", "href": f"{call.base_url()}/v2.0/{declaration.collection}",
                }],
            }
            for declaration in ALL
        ],
    })


def _view(alias: str) -> dict[str, Any]:
    name, description = EXTENSIONS[alias]
    return {"alias": alias, "name": name, "description": description, "links": [],
            "updated": _UPDATED}


def _extensions(call: Call) -> Reply:
    return Reply(200, {"extensions": [_view(alias) for alias in EXTENSIONS]})


def _extension(call: Call, alias: str) -> Reply:
    if alias not in EXTENSIONS:
        raise ApiError(404, "ExtensionNotFound", f"Extension {alias} could not be found.")
    return Reply(200, {"extension": _view(alias)})
