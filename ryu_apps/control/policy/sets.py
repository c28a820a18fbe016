"""Policy sets in use, where they are present, and their objects on each vrouter.

Follows the configuration and the bound ports incrementally: a rule change recomputes the sets that
contain its group; a new member of a group is one of the addresses that
:mod:`ryu_apps.control.policy.memberships` keeps; nothing is computed per port.
"""

from __future__ import annotations

from ryu_apps.control.config.model import Port, SecurityGroupRule
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.policy.memberships import Asked, Memberships, scope_of
from ryu_apps.control.policy.pages import ADDRESS_GROUP, SECURITY_GROUP, Named
from ryu_apps.control.policy.rules import (
    Bits,
    Groups,
    Member,
    addresses_of,
    canonical,
    groups_of,
    is_tracked,
    is_wide,
    named_by,
    named_groups,
    rules_of,
    set_id,
)
from ryu_apps.control.tables import Tables
from vrouter_ovs.state import Key, Membership, Page, Policy, Rule, StateObject


def _has_wide(port: Port) -> bool:
    return any(is_wide(pair.ip_address) for pair in port.allowed_address_pairs)


class Policies:
    """Reads: the configuration; is told which ports are where.
    Marks: sets whose rules changed; tells memberships who is in which group, and who asks.
    Emits nothing: policies are desired state."""

    def __init__(self, tables: Tables, marks: Marks, memberships: Memberships) -> None:
        self._config = tables.config
        self._desired = tables.desired
        self._marks = marks
        self.memberships = memberships
        self.ids: dict[Groups, int] = {}
        """The sets that are present somewhere, or about to be."""
        self.sets: dict[int, Groups] = {}
        self.present: dict[int, dict[str, dict[str, None]]] = {}
        """Set number -> element -> bound ports."""
        self._with: dict[str, dict[Groups, None]] = {}
        """Group -> sets present somewhere that contain it."""
        self._objects: dict[int, dict[Key, StateObject]] = {}
        """Set number -> its objects by key, where every vrouter that has the set has just these."""
        self._wide: dict[str, tuple[Groups, dict[Member, None]]] = {}
        """Port with a pair that covers much -> as what it is known now."""
        self._address_groups: dict[str, dict[Member, None]] = {}
        """Address group -> its members."""

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
        for groups, members, change in (
            (*before, self.memberships.leave), (*after, self.memberships.join)
        ):
            for group in groups:
                for member in members:
                    change(Named(SECURITY_GROUP, group), member, port_id)

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

    def group_changed(self, group: str) -> None:
        """A group was created, changed or deleted."""
        self._rules_changed(group)
        self.memberships.naming_changed(Named(SECURITY_GROUP, group))

    def rule_changed(self, rule: SecurityGroupRule) -> None:
        """A rule was created or deleted, or is another one: told of both."""
        self._rules_changed(rule.security_group_id)
        if (named := named_by(rule)) is not None:
            self.memberships.naming_changed(named)

    def _rules_changed(self, group: str) -> None:
        self._marks.policy_sets.mark_all(self._with.get(group, ()))

    def address_group_changed(self, address_group: str) -> None:
        """An address group was created, changed or deleted."""
        named = Named(ADDRESS_GROUP, address_group)
        self.memberships.naming_changed(named)
        group = self._config.address_groups.get(address_group)
        addresses = group.addresses if group is not None else ()
        after = dict.fromkeys(Member(canonical(one)) for one in addresses)
        before = self._address_groups.pop(address_group, {})
        if after:
            self._address_groups[address_group] = after
        for member in before.keys() - after.keys():
            self.memberships.leave(named, member)
        for member in after.keys() - before.keys():
            self.memberships.join(named, member)

    def on_bound(self, port_id: str, element: str, policy: int) -> None:
        """A bound port with this set is on this vrouter now."""
        if not policy:
            return
        groups = self.sets[policy]
        elements = self.present.get(policy, {})
        if element not in elements:
            objects = self._compute(policy, groups)
            asked = self._asked(groups)
            # From here on nothing is computed, and nothing fails.
            if not elements:
                for group in groups:
                    self._with.setdefault(group, {})[groups] = None
            # They may be ahead of those of the other vrouters, until the set is resolved.
            self._objects.pop(policy, None)
            for item in objects.values():
                self._desired.put(element, ("policy", policy), item)
            self.memberships.ask(element, groups, asked)
        self.present.setdefault(policy, {}).setdefault(element, {})[port_id] = None

    def on_unbound(self, port_id: str, element: str, policy: int) -> None:
        """It is there no more."""
        if not policy:
            return
        elements = self.present[policy]
        ports = elements[element]
        del ports[port_id]
        if ports:
            return
        groups = self.sets[policy]
        del elements[element]
        self._desired.drop_scope(element, ("policy", policy))
        self.memberships.ask(element, groups, frozenset())
        if elements:
            return
        del self.present[policy]
        self._objects.pop(policy, None)
        for group in groups:
            del self._with[group][groups]
            if not self._with[group]:
                del self._with[group]
        # Numbers of sets that nothing uses are given back.
        del self.ids[groups], self.sets[policy]

    def scopes(self, element: str, policy: int) -> list[tuple]:
        """The scopes of what a vrouter has of a policy set, and of the members it asks for."""
        views = self.memberships.views(element, self.sets[policy])
        return [("policy", policy), *map(scope_of, views)]

    # ------------------------------------------------------------ resolution

    def resolve_set(self, groups: Groups) -> None:
        """Bring the objects of a policy set in line wherever it is present."""
        policy = self.ids.get(groups, 0)
        if policy not in self.present:
            return
        try:
            objects = self._compute(policy, groups)
            asked = self._asked(groups)
        except Exception:
            self._drop_moved(policy)
            raise
        # From here on nothing is computed, and nothing fails.
        before = self._objects.get(policy)
        gone: list[Key] = []
        new = list(objects.values())
        if before is not None:
            gone = [key for key in before if key not in objects]
            new = [item for key, item in objects.items() if before.get(key) != item]
        scope = ("policy", policy)
        for element in self.present[policy]:
            if before is None:
                gone = [
                    key for key in self._desired.keys(element, scope) if key not in objects
                ]
            for key in gone:
                self._desired.delete(element, scope, key)
            for item in new:
                self._desired.put(element, scope, item)
            self.memberships.ask(element, groups, asked)
        self._objects[policy] = objects

    def _drop_moved(self, policy: int) -> None:
        """Take away the rules whose groups have other bits by now: those may be other groups'."""
        self._objects.pop(policy, None)
        scope = ("policy", policy)
        for element in self.present[policy]:
            for key in self._desired.keys(element, scope):
                item = self._desired.get(element, key)
                if type(item) is not Rule or not item.page:
                    continue
                kind = SECURITY_GROUP if item.group else ADDRESS_GROUP
                place = self.memberships.place(Named(kind, item.group or item.address_group))
                number = self.memberships.number(place.page) if place is not None else 0
                if place is None or (item.page, item.bit) != (number, place.bit):
                    self._desired.delete(element, scope, key)

    def _asked(self, groups: Groups) -> frozenset[Asked]:
        stateful = is_tracked(self._config, groups)
        return frozenset(
            Asked(named, direction, stateful)
            for direction, found in named_groups(self._config, groups).items() for named in found
        )

    def _compute(self, policy: int, groups: Groups) -> dict[Key, StateObject]:
        """What a vrouter has of a policy set, by key."""
        memberships = self.memberships
        bits: Bits = {}
        found: list[StateObject] = [Policy(policy, is_tracked(self._config, groups))]
        for direction, named in named_groups(self._config, groups).items():
            pages: dict[int, Page] = {}
            for one in named:
                place = memberships.place(one)
                if place is None:
                    continue
                number = memberships.number(place.page)
                bits[one] = number, place.bit
                _, prefixes, macs = pages.get(number, (number, False, False))
                more_prefixes, more_macs = memberships.kinds(one)
                pages[number] = Page(number, prefixes or more_prefixes, macs or more_macs)
            if pages:
                in_order = tuple(pages[number] for number in sorted(pages))
                found.append(Membership(policy, direction, in_order, found[0].stateful))
        rules = rules_of(self._config, policy, groups, bits)
        return {item.key: item for item in (*found, *rules.values())}
