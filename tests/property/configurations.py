"""Configurations that the API could have made, of all kinds of resources."""

from __future__ import annotations

import contextlib
from typing import Any

from hypothesis import strategies as st

from ryu_apps.control.config.config import Config
from ryu_apps.control.config.rules import RuleError, networks
from ryu_apps.control.config.rules.addressing import address_scopes, subnetpools, subnets
from ryu_apps.control.config.rules.ports import ports
from ryu_apps.control.config.rules.routing import routers
from ryu_apps.control.config.rules.security import (
    address_groups,
    default_security_group_rules,
    security_group_rules,
    security_groups,
)
from tests.unit.control.rules_support import Bench

CIDRS = ("10.0.0.0/24", "10.0.1.0/24", "fd00::/64")
TEXTS = st.text(max_size=12)
pick = st.integers(0, 3)
step = st.one_of(
    st.tuples(st.just("network"), TEXTS, st.booleans()),
    st.tuples(st.just("subnet"), pick, st.sampled_from(CIDRS)),
    st.tuples(st.just("port"), pick, TEXTS, pick),
    st.tuples(st.just("router"), TEXTS),
    st.tuples(st.just("interface"), pick, pick),
    st.tuples(st.just("group"), TEXTS),
    st.tuples(st.just("rule"), pick, pick, st.sampled_from((None, "tcp", "icmp"))),
    st.tuples(st.just("addresses"), TEXTS),
    st.tuples(st.just("pool"), TEXTS, pick),
    st.tuples(st.just("template"), TEXTS, pick),
    st.tuples(st.just("pooled"), pick, pick),
    st.tuples(st.just("retitle"), pick, TEXTS),
    st.tuples(st.just("delete"), st.sampled_from((
        ("port", ports), ("network", networks), ("security_group_rule", security_group_rules),
        ("subnetpool", subnetpools), ("address_scope", address_scopes))), pick),
)
steps = st.lists(step, max_size=25)


class Made(Bench):
    """What steps make; those that the rules refuse leave nothing."""

    def __init__(self, made: list[Any]) -> None:
        super().__init__(project_id="p")
        for name, *arguments in made:
            with contextlib.suppress(RuleError):
                getattr(self, name)(*arguments)

    def some(self, kind: str, number: int) -> str:
        ids = list(self.config.tables[kind])
        return ids[number % len(ids)] if ids else "none"

    def network(self, name: str, shared: bool) -> None:
        self.do(networks.create, name=name, tags=["a", "b"] if shared else [])

    def subnet(self, number: int, cidr: str) -> None:
        self.do(subnets.create, network_id=self.some("network", number), cidr=cidr)

    def port(self, number: int, name: str, group: int) -> None:
        body: dict[str, Any] = {"network_id": self.some("network", number), "name": name}
        if group:
            body["security_groups"] = [self.some("security_group", group)]
            body["extra_dhcp_opts"] = [{"opt_name": "ntp-server", "opt_value": "192.0.2.1"}]
        self.do(ports.create, **body)

    def router(self, name: str) -> None:
        self.do(routers.create, name=name)

    def interface(self, router: int, subnet: int) -> None:
        self.do(routers.add_interface, self.some("router", router),
                subnet_id=self.some("subnet", subnet))

    def group(self, name: str) -> None:
        self.do(security_groups.create, name=name)

    def rule(self, group: int, other: int, protocol: str | None) -> None:
        self.do(security_group_rules.create, security_group_id=self.some("security_group", group),
                direction="ingress", protocol=protocol,
                remote_group_id=self.some("security_group", other))

    def addresses(self, name: str) -> None:
        self.do(address_groups.create, name=name, addresses=["10.0.0.0/8", "fd00::/8"])

    def pool(self, name: str, scope: int) -> None:
        made = self.do(address_scopes.create, name=name, ip_version=4) if scope else None
        self.do(subnetpools.create, name=name, prefixes=[f"10.{scope}.0.0/16"],
                default_prefixlen=24, address_scope_id=made.id if made else None)

    def template(self, text: str, number: int) -> None:
        self.do(default_security_group_rules.create, direction="ingress", description=text,
                protocol=("tcp", "udp", None, "icmp")[number], used_in_default_sg=number > 1)

    def pooled(self, network: int, pool: int) -> None:
        self.do(subnets.create, network_id=self.some("network", network),
                subnetpool_id=self.some("subnetpool", pool))

    def retitle(self, number: int, name: str) -> None:
        self.do(networks.update, self.some("network", number), name=name)

    def delete(self, what: tuple[str, Any], number: int) -> None:
        kind, rules = what
        self.drop(rules.delete, self.some(kind, number))


def made(of: list[Any]) -> Config:
    return Made(of).config
