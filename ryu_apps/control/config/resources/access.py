"""What the actions and attributes of a kind need (Neutron's default policies): declarations.

One of the relations that are named must hold between the client's project and the resource, and
the client must have the role there that the relation asks for; none named means administrators
alone, who may do everything.  Each has a check in the language of oslo.policy, of which the default
policy is made (:mod:`ryu_apps.identity.policy`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Relation:
    """``check``: between a target, see :func:`ryu_apps.control.config.access.decisions.target`, and
    a client.  ``role``: whether it needs a role in the project to read, "reader"; who changes
    anything has to be a "member" in any case."""

    check: str
    role: bool = True


Needs = tuple[Relation, ...]
ADMIN: Needs = ()

anyone = Relation("@")
owner = Relation("project_id:%(project_id)s")
shared = Relation("True:%(shared)s", role=False)
"""The resource itself is shared with all projects."""
external = Relation("True:%(router:external)s", role=False)
"""The resource is a network that leads outside, and a way out for the client's project."""


@dataclass(frozen=True)
class Parent:
    """What a resource belongs to: ``kind`` of that, and the ``field`` that has its id."""

    kind: str
    field: str

    @property
    def owner(self) -> Relation:
        """The client's project has the parent."""
        return Relation(f"project_id:%({self.kind}:project_id)s")

    @property
    def shared(self) -> Relation:
        """The parent is shared with all projects."""
        return Relation(f"True:%({self.kind}:shared)s", role=False)

    @property
    def external(self) -> Relation:
        """The parent is a network that leads outside, and a way out for the client's project."""
        return Relation(f"True:%({self.kind}:router:external)s", role=False)


@dataclass(frozen=True)
class Attribute:
    """Who may read an attribute, set it in a new resource, and change it."""

    read: Needs = (anyone,)
    create: Needs = (anyone,)
    update: Needs = (anyone,)


@dataclass(frozen=True)
class Access:
    """Who may do what with the resources of one kind.

    ``attributes``: by their names in the API; ``fixed_ips:ip_address`` is the key ``ip_address`` of
    an item of ``fixed_ips``; ``vpn:*`` is all that begin so.  One that is not named is anybody's
    who may do the action.
    """

    read: Needs
    create: Needs = (owner,)
    update: Needs = (owner,)
    delete: Needs = (owner,)
    attributes: Mapping[str, Attribute] = field(default_factory=dict)

    def attribute(self, name: str) -> Attribute:
        """What is declared of the attribute, by itself or by how it begins."""
        prefix, colon, _ = name.partition(":")
        return (self.attributes.get(name) or self.attributes.get(f"{prefix}{colon}*")
                or Attribute())


SYSTEM = Attribute(ADMIN, ADMIN, ADMIN)
"""What only administrators see and set."""
SET_BY_ADMIN = Attribute(create=ADMIN, update=ADMIN)
