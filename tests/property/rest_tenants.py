"""Requests of random projects to a node's API without a server."""

from __future__ import annotations

import itertools
import json
import random
import uuid
from typing import Any
from urllib.parse import urlencode

from webob import Request

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.config.model import Resource
from ryu_apps.identity.unverified import Unverified
from ryu_apps.northbound.api import build
from ryu_apps.store.memory import MemoryStore
from tests.unit.northbound.api_client import options
from tests.unit.northbound.view import DataView

PROJECTS = ("", "red", "green", "blue")
COLLECTIONS = {
    "network": "networks", "subnet": "subnets", "port": "ports", "router": "routers",
    "security_group": "security-groups", "security_group_rule": "security-group-rules",
    "address_group": "address-groups", "address_scope": "address-scopes",
    "subnetpool": "subnetpools", "rbac_policy": "rbac-policies",
}
SHAREABLE = ("network", "security_group", "address_group", "address_scope", "subnetpool")
HIDDEN = ("provider:segmentation_id", "vpn:rd_index", "binding:host_id", "vpn:vni")


class Site:
    """A node's API without a server, and what is known of everything in it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        conf = options()
        self.configuration = Configuration(self.store, lambda event: None, conf)
        self.configuration.start()
        view = DataView()
        view.config = self.configuration.read(lambda config: config)
        self.application = build(self.configuration, view, conf, Unverified())
        self.names = (f"name{number:06}x" for number in itertools.count())

    def close(self) -> None:
        self.configuration.stop()
        self.store.close()

    def all(self) -> dict[tuple[str, str], Resource]:
        return self.configuration.read(lambda config: {
            (kind, id): item for kind, table in config.tables.items() for id, item in table.items()
        })

    def call(
        self, who: str, method: str, path: str, body: Any = None, role: str = "member"
    ) -> tuple[int, str]:
        """``who``: a project, or "" for an administrator."""
        request = Request.blank(path, method=method)
        if body is not None:
            request.body = json.dumps(body).encode()
        if who:
            request.headers["X-Project-Id"] = who
            request.headers["X-Roles"] = "member,reader" if role == "member" else role
        answer = request.get_response(self.application)
        return answer.status_int, answer.text


class Client:
    """Makes requests of whatever there is, mostly with ids that the project should not know."""

    def __init__(self, site: Site, source: random.Random):
        self.site = site
        self.source = source
        self.said: dict[tuple[str, str], str] = {}
        """Project and role -> all that it sent: it may read that again, as a port's device_id."""

    def some(self, kind: str) -> str:
        ids = [id for found, id in self.site.all() if found == kind]
        return self.source.choice(ids) if ids else str(uuid.uuid4())

    def address(self) -> str:
        return f"10.{self.source.randrange(3)}.0.{self.source.randrange(1, 6)}"

    def chance(self, part: float) -> bool:
        return self.source.random() < part

    def body(self, kind: str) -> dict[str, Any]:
        body = getattr(self, kind)()
        if kind not in ("security_group_rule", "rbac_policy") and self.chance(0.8):
            body["name"] = next(self.site.names)
        if self.chance(0.1):
            body["project_id"] = self.source.choice(PROJECTS[1:])
        return body

    def network(self) -> dict[str, Any]:
        body: dict[str, Any] = {}
        if self.chance(0.3):
            body["shared"] = self.chance(0.7)
        if self.chance(0.1):
            body["provider:segmentation_id"] = self.source.randrange(1000, 1005)
        return body

    def subnet(self) -> dict[str, Any]:
        third = self.source.randrange(3)
        if self.chance(0.3):
            body = {"network_id": self.some("network"), "ip_version": 4}
            if self.chance(0.8):
                return {**body, "subnetpool_id": self.some("subnetpool")}
            return {**body, "use_default_subnetpool": True}
        if self.chance(0.2):
            return {"network_id": self.some("network"), "cidr": f"fd00:{third}::/64",
                    "ip_version": 6, "ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
        return {"network_id": self.some("network"), "cidr": f"10.{third}.0.0/29"}

    def port(self) -> dict[str, Any]:
        body: dict[str, Any] = {"network_id": self.some("network")}
        if self.chance(0.4):
            one = {}
            if self.chance(0.6):
                one["subnet_id"] = self.some("subnet")
            if self.chance(0.5):
                one["ip_address"] = self.address()
            body["fixed_ips"] = [one]
        if self.chance(0.3):
            body["security_groups"] = [self.some("security_group")]
        if self.chance(0.2):
            body["device_id"] = self.some("router")
        if self.chance(0.1):
            body["mac_address"] = f"fa:16:3e:00:00:0{self.source.randrange(4)}"
        if self.chance(0.1):
            body["allowed_address_pairs"] = [{"ip_address": self.address()}]
        if self.chance(0.1):
            body["port_security_enabled"] = False
        return body

    def router(self) -> dict[str, Any]:
        return {}

    def security_group(self) -> dict[str, Any]:
        return {"stateful": self.chance(0.9)}

    def security_group_rule(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "security_group_id": self.some("security_group"), "direction": "ingress",
            "protocol": self.source.choice(("tcp", "udp")),
        }
        if self.chance(0.5):
            body["remote_group_id"] = self.some("security_group")
        elif self.chance(0.3):
            body["remote_address_group_id"] = self.some("address_group")
        return body

    def rbac_policy(self) -> dict[str, Any]:
        kind = self.source.choice(SHAREABLE)
        return {"object_type": kind, "object_id": self.some(kind), "action": "access_as_shared",
                "target_tenant": self.source.choice((*PROJECTS[1:], "*"))}

    def address_group(self) -> dict[str, Any]:
        return {"addresses": ["10.0.0.0/8"]}

    def address_scope(self) -> dict[str, Any]:
        return {"ip_version": 4, **({"shared": self.chance(0.7)} if self.chance(0.3) else {})}

    def subnetpool(self) -> dict[str, Any]:
        body: dict[str, Any] = {
            "name": next(self.site.names), "default_prefixlen": 29,
            "prefixes": [f"10.{self.source.randrange(8)}.0.0/16"],
        }
        if self.chance(0.3):
            body["address_scope_id"] = self.some("address_scope")
        if self.chance(0.4):
            body["shared"] = self.chance(0.7)
        if self.chance(0.1):
            body["is_default"] = True
        return body

    def request(self, verb: str, kind: str) -> tuple[str, str, Any]:
        root = f"/v2.0/{COLLECTIONS[kind]}"
        one = f"{root}/{self.some(kind)}"
        plural = COLLECTIONS[kind].replace("-", "_")
        if verb == "create":
            return "POST", root, {kind: self.body(kind)}
        if verb == "bulk":
            return "POST", root, {plural: [self.body(kind) for _ in range(2)]}
        if verb == "update":
            body = self.body(kind)
            for name in ("network_id", "project_id", "cidr", "ip_version", "ipv6_ra_mode",
                         "ipv6_address_mode", "security_group_id", "direction", "protocol",
                         "remote_group_id", "remote_address_group_id", "addresses",
                         "provider:segmentation_id", "object_type", "object_id", "action",
                         "subnetpool_id", "use_default_subnetpool",
                         *(("shared", "prefixes") if kind == "subnetpool" else ())):
                body.pop(name, None)
            if kind == "subnet" and self.chance(0.5):
                body["gateway_ip"] = self.address()
            return "PUT", one, {kind: body}
        if verb == "delete":
            return "DELETE", one, None
        if verb == "tag":
            return "PUT", f"{one}/tags/t", None
        if verb == "prefixes":
            word = self.source.choice(("add", "remove"))
            return "PUT", f"/v2.0/subnetpools/{self.some('subnetpool')}/{word}_prefixes", {
                "prefixes": [f"10.{self.source.randrange(8)}.8.0/24"]}
        if verb == "interface":
            word = self.source.choice(("add", "remove"))
            field = self.source.choice(("subnet", "port"))
            return "PUT", f"/v2.0/routers/{self.some('router')}/{word}_router_interface", {
                f"{field}_id": self.some(field)}
        if verb == "show":
            return "GET", one, None
        query = [self.source.choice((
            ("network_id", self.some("network")), ("id", self.some(kind)), ("limit", "2"),
            ("security_group_id", self.some("security_group")), ("marker", self.some(kind)),
            ("device_id", self.some("router")), ("sort_key", "name"), ("fields", "id"),
            ("security_groups", self.some("security_group")), ("fields", HIDDEN[0]),
            ("remote_group_id", self.some("security_group")), ("project_id", "red"),
            ("subnetpool_id", self.some("subnetpool")), ("is_default", "true"),
            ("address_scope_id", self.some("address_scope")),
            ("fixed_ips", f"subnet_id={self.some('subnet')}"), ("sort_key", HIDDEN[2]),
        )) for _ in range(self.source.randrange(3))]
        return "GET", f"{root}?{urlencode(query)}", None
