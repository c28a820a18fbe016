"""The whole configuration with its indexes, as every node holds it.

It is fed from the store in revision order, so that validation, address allocation and translation
are pure functions of it.
"""

from __future__ import annotations

from typing import Any

from ryu_apps.control.config.model import (
    AddressGroup,
    Change,
    Network,
    Port,
    Resource,
    Router,
    SecurityGroup,
    SecurityGroupRule,
    Subnet,
)
from ryu_apps.control.config.protocols import likeness


class Config:
    """All resources with the indexes that validation and translation need.

    Changed only through :meth:`apply`; the order of changes does not matter for the result.
    The ``*_by_*`` indexes hold ids in dicts used as ordered sets.
    """

    def __init__(self) -> None:
        self.networks: dict[str, Network] = {}
        self.subnets: dict[str, Subnet] = {}
        self.ports: dict[str, Port] = {}
        self.routers: dict[str, Router] = {}
        self.security_groups: dict[str, SecurityGroup] = {}
        self.security_group_rules: dict[str, SecurityGroupRule] = {}
        self.address_groups: dict[str, AddressGroup] = {}
        self.tables: dict[str, dict] = {
            "network": self.networks,
            "subnet": self.subnets,
            "port": self.ports,
            "router": self.routers,
            "security_group": self.security_groups,
            "security_group_rule": self.security_group_rules,
            "address_group": self.address_groups,
        }
        self.subnets_by_network: dict[str, dict[str, None]] = {}
        self.ports_by_network: dict[str, dict[str, None]] = {}
        self.ports_by_device: dict[str, dict[str, None]] = {}
        self.ports_by_subnet: dict[str, dict[str, None]] = {}
        self.interfaces_by_network: dict[str, dict[str, None]] = {}
        self.interfaces_by_subnet: dict[str, dict[str, None]] = {}
        self.ports_by_address: dict[tuple[str, str], dict[str, None]] = {}
        """(subnet id, address) -> port ids; one, if every writer validated."""
        self.pairs_by_address: dict[tuple[str, str], dict[str, None]] = {}
        """(network id, address) -> ports with an allowed address pair of just this address."""
        self.ports_by_mac: dict[tuple[str, str], dict[str, None]] = {}
        """(network id, MAC) -> port ids."""
        self.by_vni: dict[int, dict[tuple[str, str], None]] = {}
        """VNI -> (kind, id) of networks and routers."""
        self.by_rd_index: dict[int, dict[tuple[str, str], None]] = {}

        self.ports_by_group: dict[str, dict[str, None]] = {}
        self.rules_by_group: dict[str, dict[str, None]] = {}
        self.rules_by_remote_group: dict[str, dict[str, None]] = {}
        self.rules_by_address_group: dict[str, dict[str, None]] = {}
        self.rules_alike: dict[tuple, dict[str, None]] = {}
        """:func:`likeness` of a rule -> rule ids; rules with the same meaning are found there."""
        self.groups_by_name: dict[tuple[str, str], dict[str, None]] = {}
        """(project id, name) -> security group ids; finds the default group."""

    def get(self, kind: str, id: str) -> Resource | None:
        """The resource, or None."""
        return self.tables[kind].get(id)

    def apply(self, change: Change) -> Resource | None:
        """Apply one change and return the resource as it was before, or None."""
        table = self.tables[change.kind]
        old = table.get(change.id)
        if old is not None:
            self._unindex(change.kind, old)
        if change.resource is None:
            table.pop(change.id, None)
        else:
            table[change.id] = change.resource
            self._index(change.kind, change.resource)
        return old

    def _entries(self, kind: str, item: Any):
        if kind in ("network", "router"):
            yield self.by_vni, item.vni, (kind, item.id)
            yield self.by_rd_index, item.rd_index, (kind, item.id)
        elif kind == "subnet":
            yield self.subnets_by_network, item.network_id, item.id
        elif kind == "security_group":
            yield self.groups_by_name, (item.project_id, item.name), item.id
        elif kind == "security_group_rule":
            yield self.rules_by_group, item.security_group_id, item.id
            yield self.rules_alike, likeness(item), item.id
            if item.remote_group_id:
                yield self.rules_by_remote_group, item.remote_group_id, item.id
            if item.remote_address_group_id:
                yield self.rules_by_address_group, item.remote_address_group_id, item.id
        elif kind == "port":
            yield self.ports_by_network, item.network_id, item.id
            yield self.ports_by_mac, (item.network_id, item.mac_address), item.id
            for group in item.security_groups:
                yield self.ports_by_group, group, item.id
            for pair in item.allowed_address_pairs:
                address, _, length = pair.ip_address.partition("/")
                if length in ("", "128" if ":" in address else "32"):
                    yield self.pairs_by_address, (item.network_id, address), item.id
            if item.device_id:
                yield self.ports_by_device, item.device_id, item.id
            if item.is_router_interface:
                yield self.interfaces_by_network, item.network_id, item.id
            for fixed in item.fixed_ips:
                yield self.ports_by_subnet, fixed.subnet_id, item.id
                yield self.ports_by_address, (fixed.subnet_id, fixed.ip_address), item.id
                if item.is_router_interface:
                    yield self.interfaces_by_subnet, fixed.subnet_id, item.id

    def _index(self, kind: str, item: Any) -> None:
        for index, key, value in self._entries(kind, item):
            index.setdefault(key, {})[value] = None

    def _unindex(self, kind: str, item: Any) -> None:
        for index, key, value in self._entries(kind, item):
            members = index.get(key)
            if members is not None:
                members.pop(value, None)
                if not members:
                    del index[key]
