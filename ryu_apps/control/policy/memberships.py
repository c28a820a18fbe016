"""Who is a member of the groups that rules name, and the flows that say so on each vrouter.

A vrouter holds of a page the members of those groups that rules of its own policy sets ask for, by
direction, and apart for sets without tracking.  Each flow says of all of these groups whether the
address is a member, however many there are.
"""

from __future__ import annotations

from typing import NamedTuple

from ryu_apps.control.config.config import Config
from ryu_apps.control.graph.graph import Marks
from ryu_apps.control.policy.pages import (
    SECURITY_GROUP,
    Named,
    PageKey,
    Place,
    bits_of,
    page_id,
    places,
)
from ryu_apps.control.policy.prefixes import Prefixes
from ryu_apps.control.policy.rules import Groups, Member
from ryu_apps.control.tables import Tables
from vrouter_ovs.state import EGRESS, INGRESS, PeerAddress


class Asked(NamedTuple):
    """Rules of one direction, of a set that is tracked or not, that ask for a group."""

    named: Named
    direction: str
    stateful: bool


class View(NamedTuple):
    """A page as sets ask for it in one direction: ``page`` is its number in flows."""

    page: int
    direction: str
    stateful: bool


VARIANTS = tuple((way, tracked) for way in (INGRESS, EGRESS) for tracked in (True, False))


class Members:
    """The addresses of a page with the bits of the groups that each is a member of."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.groups = 0
        """How many groups are in the page."""
        self.own: dict[Member, int] = {}
        self._prefixes: dict[tuple[int, str], Prefixes] = {}
        """(EVI, MAC), or (0, "") for everybody's -> the prefixes known for it."""

    def change(self, member: Member, bit: int, is_member: bool) -> None:
        """An address is a member of the group with a bit, or ceases to be."""
        bits = self.own.get(member, 0) & ~(1 << bit) | is_member << bit
        if bits:
            self.own[member] = bits
        else:
            self.own.pop(member, None)
        if member.is_prefix:
            place = member.evi, member.mac
            prefixes = self._prefixes.setdefault(place, Prefixes())
            prefixes.put(member.address, bits)
            if not prefixes:
                del self._prefixes[place]

    def bits(self, member: Member) -> int:
        """What its flow says: a prefix says what those that cover it say, too."""
        if not member.is_prefix:
            return self.own.get(member, 0)
        return self._prefixes[member.evi, member.mac].covering(member.address)

    def affected(self, member: Member) -> list[Member]:
        """Whose flows change with a member: the prefixes in a prefix do."""
        prefixes = self._prefixes.get((member.evi, member.mac)) if member.is_prefix else None
        if prefixes is None:
            return [member]
        inside = [member._replace(address=one) for one in prefixes.inside(member.address)]
        return inside if member in inside else [member, *inside]


class Memberships:
    """Reads: the configuration; is told who is in which group, and which sets ask for which.
    Marks: projects whose groups need other bits, members, who asks for them, sets that name what
    changed.
    Emits nothing: members are desired state."""

    def __init__(self, tables: Tables, marks: Marks) -> None:
        self._config: Config = tables.config
        self._desired = tables.desired
        self._marks = marks
        self._members: dict[Named, dict[Member, dict[str, None]]] = {}
        """Group -> address -> the ports by which it is a member; "" for an address group's."""
        self._prefixes: dict[tuple[Named, bool], int] = {}
        """(group, whether with MACs) -> how many of its members are prefixes."""
        self._named: dict[str, dict[Named, None]] = {}
        """Project -> its groups that rules name."""
        self._project: dict[Named, str] = {}
        self._places: dict[Named, Place] = {}
        """Where the groups have their bits; they follow ``_named`` when pages are resolved."""
        self._placed: dict[str, dict[Named, None]] = {}
        """Project -> the groups in its pages."""
        self._pages: dict[PageKey, Members] = {}
        self._numbers: dict[int, PageKey] = {}
        self._asked: dict[tuple[str, Groups], frozenset[Asked]] = {}
        """(element, policy set) -> what the set's rules ask for."""
        self._asking: dict[Asked, dict[str, dict[Groups, None]]] = {}
        """What is asked for -> element -> the policy sets that do."""
        self._masks: dict[View, dict[str, int]] = {}
        """Page, as it is asked for -> element -> bits of the groups that sets there ask for."""

    # ------------------------------------------------------------ inputs

    def naming_changed(self, named: Named) -> None:
        """A rule that names a group, or the group itself, was created or deleted."""
        is_group = named.kind == SECURITY_GROUP
        index, table = (
            (self._config.rules_by_remote_group, self._config.security_groups) if is_group
            else (self._config.rules_by_address_group, self._config.address_groups)
        )
        before, after = self._project.get(named), None
        if named.id in index:
            group = table.get(named.id)
            after = group.project_id if group is not None else ""
        if before == after:
            return
        if before is not None:
            del self._project[named], self._named[before][named]
            self._marks.policy_pages.mark(before)
        if after is not None:
            self._project[named] = after
            self._named.setdefault(after, {})[named] = None
            self._marks.policy_pages.mark(after)

    def join(self, named: Named, member: Member, port_id: str = "") -> None:
        ports = self._members.setdefault(named, {}).setdefault(member, {})
        ports[port_id] = None
        if len(ports) == 1:
            self._changed(named, member, True)

    def leave(self, named: Named, member: Member, port_id: str = "") -> None:
        members = self._members[named]
        del members[member][port_id]
        if not members[member]:
            del members[member]
            if not members:
                del self._members[named]
            self._changed(named, member, False)

    def members(self, named: Named) -> list[Member]:
        return list(self._members.get(named, ()))

    def _changed(self, named: Named, member: Member, is_member: bool) -> None:
        if member.is_prefix:
            kind = named, bool(member.mac)
            count = self._prefixes.get(kind, 0) + (1 if is_member else -1)
            if count:
                self._prefixes[kind] = count
            else:
                del self._prefixes[kind]
            # Who names the group has to ask for prefixes from the first one on.
            if count == is_member:
                self._marks.policy_sets.mark_all(self.naming(named))
        place = self.place(named)
        if place is None:
            return
        self._pages[place.page].change(member, place.bit, is_member)
        self._marks.policy_peers.mark((place.page, member))

    # ------------------------------------------------------------ questions

    def place(self, named: Named) -> Place | None:
        """Where a group that rules name has its bit; None while that is not settled."""
        return self._places.get(named)

    def number(self, page: PageKey) -> int:
        return self._pages[page].number

    def kinds(self, named: Named) -> tuple[bool, bool]:
        """Whether a group has members by prefixes, and by prefixes with MACs."""
        return self._prefixes.get((named, False), 0) > 0, self._prefixes.get((named, True), 0) > 0

    def naming(self, named: Named) -> dict[Groups, None]:
        """The sets present somewhere whose rules name a group."""
        return {
            groups: None
            for way, tracked in VARIANTS
            for sets in self._asking.get(Asked(named, way, tracked), {}).values()
            for groups in sets
        }

    def views(self, element: str, groups: Groups) -> dict[View, None]:
        """The pages that a set on a vrouter asks for."""
        return {
            View(self.number(place.page), one.direction, one.stateful): None
            for one in self._asked.get((element, groups), ())
            if (place := self.place(one.named)) is not None
        }

    def counts(self) -> dict[str, int]:
        """Element -> how many members' addresses its vrouter holds."""
        found: dict[str, int] = {}
        for view, elements in self._masks.items():
            for element in elements:
                count = self._desired.count(element, scope_of(view))
                found[element] = found.get(element, 0) + count
        return found

    # ------------------------------------------------------------ who asks

    def ask(self, element: str, groups: Groups, asked: frozenset[Asked]) -> None:
        """What the rules of a set on a vrouter ask for; nothing where it is not there."""
        before = self._asked.get((element, groups), frozenset())
        for one in before - asked:
            sets = self._asking[one][element]
            del sets[groups]
            if not sets:
                del self._asking[one][element]
                if not self._asking[one]:
                    del self._asking[one]
                self._mask(one, element, False)
        for one in asked - before:
            elements = self._asking.setdefault(one, {})
            sets = elements.setdefault(element, {})
            if not sets:
                self._mask(one, element, True)
            sets[groups] = None
        if asked:
            self._asked[element, groups] = asked
        else:
            self._asked.pop((element, groups), None)

    def _mask(self, asked: Asked, element: str, is_asked: bool) -> None:
        place = self.place(asked.named)
        if place is None:
            return
        view = View(self.number(place.page), asked.direction, asked.stateful)
        elements = self._masks.setdefault(view, {})
        bits = elements.get(element, 0) & ~(1 << place.bit) | is_asked << place.bit
        if bits:
            elements[element] = bits
        else:
            elements.pop(element, None)
            if not elements:
                del self._masks[view]
        self._marks.policy_members.mark((element, view))

    # ------------------------------------------------------------ resolution

    def resolve_pages(self, project: str) -> None:
        """The groups of a project that rules name are others: give them their bits."""
        wanted = places(project, self._named.get(project, {}))
        before = self._placed.get(project, {})
        moved = [
            one for one in {**before, **wanted} if self._places.get(one) != wanted.get(one)
        ]
        asked = [
            (one, element)
            for named in moved for way, tracked in VARIANTS
            for one in (Asked(named, way, tracked),)
            for element in self._asking.get(one, ())
        ]
        # From here on nothing fails.  First all leave, as one may come where another was.
        for one, element in asked:
            self._mask(one, element, False)
        for named in moved:
            self._unplace(named)
        for named in moved:
            if named in wanted:
                self._place(named, wanted[named])
            self._marks.policy_sets.mark_all(self.naming(named))
        for one, element in asked:
            self._mask(one, element, True)
        if project in self._named and not self._named[project]:
            del self._named[project]

    def _unplace(self, named: Named) -> None:
        place = self._places.pop(named, None)
        if place is None:
            return
        page, placed = self._pages[place.page], self._placed[place.page.project]
        for member in self._members.get(named, ()):
            page.change(member, place.bit, False)
        page.groups -= 1
        if not page.groups:
            del self._numbers[self._pages.pop(place.page).number]
        del placed[named]
        if not placed:
            del self._placed[place.page.project]

    def _place(self, named: Named, place: Place) -> None:
        page = self._pages.get(place.page)
        if page is None:
            page = self._pages[place.page] = Members(page_id(place.page, self._numbers))
            self._numbers[page.number] = place.page
        page.groups += 1
        self._places[named] = place
        self._placed.setdefault(place.page.project, {})[named] = None
        for member in self._members.get(named, ()):
            page.change(member, place.bit, True)

    def resolve_peer(self, key: tuple[PageKey, Member]) -> None:
        """An address may be a member of other groups of a page."""
        page = self._pages.get(key[0])
        if page is None:
            return
        members = page.affected(key[1])
        for way, tracked in VARIANTS:
            view = View(page.number, way, tracked)
            for element, mask in self._masks.get(view, {}).items():
                for member in members:
                    self._put(element, view, page, member, mask)

    def resolve_members(self, key: tuple[str, View]) -> None:
        """The sets of a vrouter ask for other groups of a page, or the groups have other bits."""
        element, view = key
        if element not in self._desired.objects:
            return
        mask = self._masks.get(view, {}).get(element, 0)
        if not mask:
            self._desired.drop_scope(element, scope_of(view))
            return
        page = self._pages[self._numbers[view.page]]
        try:
            found = [_peer_address(view, page, member, mask) for member in page.own]
        except Exception:
            # What is there may have bits that are other groups' by now.
            self._desired.drop_scope(element, scope_of(view))
            raise
        wanted = {one.key: one for one in found if one is not None}
        for gone in self._desired.keys(element, scope_of(view)):
            if gone not in wanted:
                self._desired.delete(element, scope_of(view), gone)
        for one in wanted.values():
            self._desired.put(element, scope_of(view), one)

    def _put(self, element: str, view: View, page: Members, member: Member, mask: int) -> None:
        item = _peer_address(view, page, member, mask)
        if item is not None:
            self._desired.put(element, scope_of(view), item)
        else:
            gone = PeerAddress(
                view.page, view.direction, member.address, (), view.stateful, member.mac,
                member.evi,
            )  # fmt: skip
            self._desired.delete(element, scope_of(view), gone.key)


def scope_of(view: View) -> tuple:
    """The scope of a page's members as they are asked for."""
    return ("page", *view)


def _peer_address(view: View, page: Members, member: Member, mask: int) -> PeerAddress | None:
    if not page.own.get(member, 0) & mask:
        return None
    bits = bits_of(page.bits(member) & mask)
    return PeerAddress(
        view.page, view.direction, member.address, bits, view.stateful, member.mac, member.evi
    )
