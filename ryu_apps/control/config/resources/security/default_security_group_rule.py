"""Default security group rules: what a new security group begins with."""

from __future__ import annotations

from dataclasses import dataclass

from ryu_apps.control.config.resources.access import ADMIN, Access, anyone
from ryu_apps.control.config.resources.kind import Kind
from ryu_apps.control.config.resources.resource import Resource

PARENT = "PARENT"
"""A ``remote_group_id``: the very group that the rule is made for."""
ONLY = "default"
"""The id of the one :class:`DefaultSecurityGroupRules`."""


@dataclass(frozen=True, slots=True)
class TemplateRule:
    """A rule that new groups get; its fields are those of
    :class:`~ryu_apps.control.config.resources.security.security_group_rule.SecurityGroupRule`.

    ``used_in_default_sg``: the groups named "default" get it; ``used_in_non_default_sg``: all
    others do.
    """

    id: str
    direction: str
    ethertype: str = "IPv4"
    protocol: str = ""
    port_range_min: int = -1
    port_range_max: int = -1
    remote_ip_prefix: str = ""
    remote_group_id: str = ""
    remote_address_group_id: str = ""
    description: str = ""
    used_in_default_sg: bool = False
    used_in_non_default_sg: bool = True


_ID = "0f1c5d0e-6c5b-5f53-9d0b-6b1f6f0c4a0"
_LEGACY = "Legacy default SG rule for {} traffic"
"""Of Neutron's; suites look for them."""

BUILT_IN = (
    *(TemplateRule(
        f"{_ID}{number}", "egress", ethertype, description=_LEGACY.format("egress"),
        used_in_default_sg=True,
    ) for number, ethertype in ((1, "IPv4"), (2, "IPv6"))),
    *(TemplateRule(
        f"{_ID}{number}", "ingress", ethertype, remote_group_id=PARENT,
        description=_LEGACY.format("ingress"), used_in_default_sg=True,
        used_in_non_default_sg=False,
    ) for number, ethertype in ((3, "IPv4"), (4, "IPv6"))),
)
"""Until an administrator changes them: all may be sent, and received from one's own default
group."""


@dataclass(frozen=True, slots=True)
class DefaultSecurityGroupRules(Resource):
    """All of them; there is one, of no project, or none as long as they are :data:`BUILT_IN`."""

    rules: tuple[TemplateRule, ...] = ()


DEFAULT_SECURITY_GROUP_RULE = Kind(
    "default_security_group_rule",
    DefaultSecurityGroupRules,
    Access(read=(anyone,), create=ADMIN, update=ADMIN, delete=ADMIN),
    collection=False,
)
