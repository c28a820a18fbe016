"""Policy sets in use, where they are present, and their objects on each vrouter.

Follows the configuration and the bound ports incrementally: a rule change recomputes the sets that
contain its group; a new member of a group adds its addresses to the sets that name the group;
nothing is computed per port.
"""

from __future__ import annotations

from collections.abc import Collection

from ryu_apps.control.config.model import Port
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.policy.rules import (
    Groups,
    Member,
    addresses_of,
    groups_of,
    is_tracked,
    is_wide,
    remote_groups,
    rules_of,
    set_id,
)
from ryu_apps.control.tables import Tables
from vrouter_ovs.state import EGRESS, INGRESS, Key, PeerAddress, Policy, Rule, StateObject

DIRECTIONS = (INGRESS, EGRESS)


def _peer_address(
    policy: int, direction: str, member: Member, peer: int, stateful: bool
) -> PeerAddress:
    return PeerAddress(
        policy, direction, member.address, peer, stateful, member.mac, member.evi
    )


def _has_wide(port: Port) -> bool:
    return any(is_wide(pair.ip_address) for pair in port.allowed_address_pairs)


class Policies:
    """Reads: the configuration; is told which ports are where.
    Marks: sets whose rules changed, addresses whose owner may have.
    Emits nothing: policies are desired state."""

    def __init__(self, tables: Tables, marks: Marks) -> None:
        self._config = tables.config
        self._desired = tables.desired
        self._marks = marks
        self.ids: dict[Groups, int] = {}
        """The sets that some port of the configuration has, or had while it was present."""
        self.sets: dict[int, Groups] = {}
        self._members: dict[Groups, dict[str, None]] = {}
        """Set -> the ports of the whole system that have it."""
        self._by_group: dict[str, dict[Groups, None]] = {}
        """Group -> sets in use that contain it."""
        self._addresses: dict[str, dict[Member, dict[str, None]]] = {}
        """Group -> address -> its members with that address."""
        self.present: dict[int, dict[str, dict[str, None]]] = {}
        """Set number -> element -> bound ports."""
        self._remotes: dict[Groups, dict[str, dict[str, None]]] = {}
        """Set present somewhere -> direction -> groups that its rules name as remote."""
        self._with: dict[str, dict[Groups, None]] = {}
        """Group -> sets present somewhere that contain it."""
        self._rules: dict[int, dict[tuple, Rule]] = {}
        """Set number -> its rules by key, where every vrouter that has the set has just these."""
        self._naming: dict[str, dict[tuple[Groups, str], None]] = {}
        """Group -> (set present somewhere, direction) whose rules name it as remote."""
        self._wide: dict[str, tuple[Groups, dict[Member, None]]] = {}
        """Port with a pair that covers much -> as what it is known now."""

    # ------------------------------------------------------------ inputs

    def number(self, groups: Groups) -> int:
        """The number of a policy set; 0 for the empty one."""
        if not groups:
            return 0
        found = self.ids.get(groups)
        if found is None:
            found = self.ids[groups] = set_id(groups, self.sets)
            self.sets[found] = groups
        return found

    def port_changed(self, old: Port | None, new: Port | None) -> None:
        """A port of the configuration was created, changed or deleted."""
        port_id = (new or old).id
        before = self._wide.pop(port_id, None) or self._membership(old)
        after = self._membership(new)
        if new is not None and _has_wide(new):
            self._wide[port_id] = after
        if before == after:
            return
        if before[0]:
            self._leave(port_id, *before)
        if after[0]:
            self._join(port_id, *after)

    def network_changed(self, network_id: str) -> None:
        """Its VNI is another one, or known at last."""
        for port_id in self._config.ports_by_network.get(network_id, ()):
            port = self._config.ports[port_id]
            # A port that is changed in the same batch is told on its own.
            if port_id in self._wide and _has_wide(port):
                self.port_changed(port, port)

    def _membership(self, port: Port | None) -> tuple[Groups, dict[Member, None]]:
        if port is None:
            return (), {}
        return groups_of(port), addresses_of(self._config, port)

    def _join(self, port_id: str, groups: Groups, addresses: dict[Member, None]) -> None:
        members = self._members.setdefault(groups, {})
        if not members:
            for group in groups:
                self._by_group.setdefault(group, {})[groups] = None
                self._mark_naming(group)
        members[port_id] = None
        for group in groups:
            by_address = self._addresses.setdefault(group, {})
            for address in addresses:
                by_address.setdefault(address, {})[port_id] = None
                self._marks.policy_peers.mark((group, address))

    def _leave(self, port_id: str, groups: Groups, addresses: dict[Member, None]) -> None:
        members = self._members[groups]
        del members[port_id]
        if not members:
            del self._members[groups]
            for group in groups:
                del self._by_group[group][groups]
                if not self._by_group[group]:
                    del self._by_group[group]
                self._mark_naming(group)
        for group in groups:
            # Nothing is kept for a group whose members, maybe this one, have no addresses.
            by_address = self._addresses.get(group, {})
            for address in addresses:
                del by_address[address][port_id]
                if not by_address[address]:
                    del by_address[address]
                self._marks.policy_peers.mark((group, address))
            if not by_address:
                self._addresses.pop(group, None)
        self._forget(groups)

    def _mark_naming(self, remote_group: str) -> None:
        """Sets whose rules name this group have other peers now."""
        for rule_id in self._config.rules_by_remote_group.get(remote_group, ()):
            self.group_changed(self._config.security_group_rules[rule_id].security_group_id)

    def group_changed(self, group: str) -> None:
        """A group, or one of its rules, was created, changed or deleted."""
        self._marks.policy_sets.mark_all(self._with.get(group, ()))

    def address_group_changed(self, address_group: str) -> None:
        for rule_id in self._config.rules_by_address_group.get(address_group, ()):
            self.group_changed(self._config.security_group_rules[rule_id].security_group_id)

    def on_bound(self, port_id: str, element: str, policy: int) -> None:
        """A bound port with this set is on this vrouter now."""
        if not policy:
            return
        groups = self.sets[policy]
        elements = self.present.get(policy, {})
        if element not in elements:
            if not elements:
                self._set_remotes(groups, remote_groups(self._config, groups))
            try:
                objects = self._objects(policy, groups)
            except Exception:
                if not elements:
                    self._set_remotes(groups, {})
                raise
            # Its rules may be ahead of those of the other vrouters, until the set is resolved.
            self._rules.pop(policy, None)
            for item in objects:
                self._desired.put(element, ("policy", policy), item)
        self.present.setdefault(policy, {}).setdefault(element, {})[port_id] = None

    def on_unbound(self, port_id: str, element: str, policy: int) -> None:
        """It is there no more."""
        if not policy:
            return
        elements = self.present[policy]
        ports = elements[element]
        del ports[port_id]
        if not ports:
            del elements[element]
            self._desired.drop_scope(element, ("policy", policy))
        if not elements:
            del self.present[policy]
            self._rules.pop(policy, None)
            self._set_remotes(self.sets[policy], {})
            self._forget(self.sets[policy])

    def _set_remotes(self, groups: Groups, remotes: dict[str, dict[str, None]]) -> None:
        before = self._remotes.pop(groups, {})
        for direction, named in before.items():
            for group in named:
                del self._naming[group][groups, direction]
                if not self._naming[group]:
                    del self._naming[group]
        if before and not remotes:
            for group in groups:
                del self._with[group][groups]
                if not self._with[group]:
                    del self._with[group]
        if remotes:
            self._remotes[groups] = remotes
            for group in groups:
                self._with.setdefault(group, {})[groups] = None
            for direction, named in remotes.items():
                for group in named:
                    self._naming.setdefault(group, {})[groups, direction] = None

    def _forget(self, groups: Groups) -> None:
        """Numbers of sets that nothing uses are given back."""
        number = self.ids.get(groups)
        if number is not None and groups not in self._members and number not in self.present:
            del self.ids[groups], self.sets[number]

    # ------------------------------------------------------------ resolution

    def resolve_peer(self, key: tuple[str, Member]) -> None:
        """The owner of the address ``(group, member)`` may be another one, or nobody."""
        group, address = key
        for groups, direction in self._naming.get(group, ()):
            self._resolve_peer(groups, direction, address)

    def resolve_set(self, groups: Groups) -> None:
        """Bring the objects of a policy set in line wherever it is present."""
        before = self._remotes.get(groups)
        if before is None:
            return
        try:
            self._resolve_set(groups, before)
        except Exception:
            # The next attempt must find the same difference.
            self._set_remotes(groups, before)
            raise

    def _peers(self, groups: Groups) -> dict[str, list[int]]:
        """Remote group -> numbers of the sets in use that contain it."""
        found = {}
        for named in self._remotes[groups].values():
            for group in named:
                found[group] = [self.number(one) for one in self._by_group.get(group, ())]
        return found

    def _policy(self, policy: int, groups: Groups) -> Policy:
        return Policy(policy, is_tracked(self._config, groups))

    def _resolve_set(self, groups: Groups, before: dict[str, dict[str, None]]) -> None:
        policy = self.ids[groups]
        after = remote_groups(self._config, groups)
        if after != before:
            self._set_remotes(groups, after)
        item = self._policy(policy, groups)
        # Whether connections are tracked stands in every object of the set.
        other = any(
            self._desired.get(element, item.key) != item for element in self.present[policy]
        )
        rules = rules_of(self._config, policy, groups, self._peers(groups))
        peers = [
            (direction, address, self._peer(policy, groups, direction, address))
            for direction in DIRECTIONS
            for group in self._named(before[direction], after[direction], other)
            for address in self._members_of(group)
        ]
        # From here on nothing is computed, and nothing fails.
        old_rules = self._rules.get(policy)
        gone: list[Key] = []
        new = list(rules.values())
        if old_rules is not None:
            gone = [key for key in old_rules if key not in rules]
            new = [rule for key, rule in rules.items() if old_rules.get(key) != rule]
        scope = ("policy", policy)
        for element in self.present[policy]:
            if old_rules is None:
                gone = [
                    key for key in self._desired.keys(element, scope)
                    if key[0] == "rule" and key not in rules
                ]
            for key in gone:
                self._desired.delete(element, scope, key)
            for rule in new:
                self._desired.put(element, scope, rule)
        for peer in peers:
            self._put_peer(policy, *peer)
        for element in self.present[policy]:
            self._desired.put(element, scope, item)
        self._rules[policy] = rules

    @staticmethod
    def _named(before: dict[str, None], after: dict[str, None], all_: bool) -> Collection[str]:
        """The groups whose members are to be resolved as rules name others; ``all_``: or all."""
        changed = before.keys() ^ after.keys()
        return changed | after.keys() if all_ else changed

    def _members_of(self, group: str) -> dict[Member, None]:
        """The addresses of a group, with those that could not be resolved yet when they left it."""
        late = [address for of, address in self._marks.policy_peers.failing if of == group]
        return dict.fromkeys((*self._addresses.get(group, ()), *late))

    def _resolve_peer(self, groups: Groups, direction: str, address: Member) -> None:
        policy = self.ids[groups]
        item = self._peer(policy, groups, direction, address)
        self._put_peer(policy, direction, address, item)

    def _put_peer(
        self, policy: int, direction: str, address: Member, item: PeerAddress | None
    ) -> None:
        scope = ("policy", policy)
        if item is None:
            gone = _peer_address(policy, direction, address, policy, True).key
            for element in self.present[policy]:
                self._desired.delete(element, scope, gone)
        else:
            for element in self.present[policy]:
                self._desired.put(element, scope, item)

    def _peer(
        self, policy: int, groups: Groups, direction: str, address: Member
    ) -> PeerAddress | None:
        """Whose an address is.  Of several members with it, the port with the lowest id."""
        owners: dict[str, None] = {}
        for group in self._remotes[groups][direction]:
            owners.update(self._addresses.get(group, {}).get(address, {}))
        if not owners:
            return None
        owner = self._config.ports[min(owners)]
        peer = self.number(groups_of(owner))
        return _peer_address(policy, direction, address, peer, is_tracked(self._config, groups))

    def _objects(self, policy: int, groups: Groups) -> list[StateObject]:
        """What a vrouter has of a policy set."""
        found: list[StateObject] = [self._policy(policy, groups)]
        found += rules_of(self._config, policy, groups, self._peers(groups)).values()
        for direction in DIRECTIONS:
            addresses: dict[Member, None] = {}
            for group in self._remotes[groups][direction]:
                addresses.update(dict.fromkeys(self._addresses.get(group, ())))
            for address in addresses:
                item = self._peer(policy, groups, direction, address)
                if item is not None:
                    found.append(item)
        return found
