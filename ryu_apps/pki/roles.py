"""Who gets certificates, who signs them, and what they are good for.

There are two authorities.  *site* signs nodes, members of etcd and operators; *hypervisors* signs
hypervisors alone.  What is for nodes and operators only (etcd, the API) trusts the first alone: the
certificate of a hypervisor opens nothing but OVSDB and OpenFlow.
"""

from __future__ import annotations

from typing import NamedTuple

SITE, HYPERVISORS = "site", "hypervisors"
AUTHORITIES = {SITE: "ca.pem", HYPERVISORS: "hypervisors.pem"}
"""Authority -> the file of its certificates: both generations of them while it is replaced."""


class Role(NamedTuple):
    """``authority``: who signs.  ``server``, ``client``: which ends of TLS its holder may be (RFC
    5280 section 4.2.1.12)."""

    name: str
    authority: str
    server: bool
    client: bool
    help: str


ROLES = {
    role.name: role for role in (
        Role("node", SITE, True, True,
             "a VNC node: it serves OVSDB, OpenFlow and the API, and asks etcd and other nodes"),
        Role("hypervisor", HYPERVISORS, False, True,
             "a hypervisor; its name is its system-id: ovs-vsctl get Open_vSwitch . "
             "external_ids:system-id, its addresses are its VTEPs"),
        Role("etcd", SITE, True, True, "a member of etcd, towards clients and other members"),
        Role("client", SITE, False, True, "an operator, for --cert and --key of vnctl"),
    )
}
