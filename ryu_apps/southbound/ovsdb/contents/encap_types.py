"""The encapsulations that a hypervisor says it sends and takes.  Pure."""

from __future__ import annotations

from ryu_apps.control.kinds import Capabilities
from ryu_apps.southbound.ovsdb.contents.text import shown
from vrouter_ovs.encapsulation import ENCAPSULATIONS, MPLS_GRE, SENDABLE

MAX_LENGTH = 128
_SET_TYPES = "ovs-vsctl set Open_vSwitch . external_ids:vnc-encap-type=TYPE[,TYPE]"


def encap_types(
    given: object, otherwise: tuple[str, ...], switch: Capabilities
) -> tuple[tuple[str, ...], str]:
    """(the encapsulations of a hypervisor, the preferred one first, as
    ``external_ids:vnc-encap-type`` lists them, ``otherwise`` where it does not; what is wrong with
    them, and how to mend it).  ``switch``: what that can do, as far as it says."""
    if given is None:
        names = otherwise
    elif isinstance(given, str) and len(given) <= MAX_LENGTH:
        names = tuple(name.strip() for name in given.split(","))
    else:
        names = ("",)
    problem = ""
    for name in names:
        ovs = ENCAPSULATIONS[name].ovs if name in SENDABLE else None
        if ovs is None:
            problem = (
                f"names {shown(name)!r}, and the encapsulations are {', '.join(sorted(SENDABLE))}"
            )
        elif switch.interface_types and ovs.interface_type not in switch.interface_types:
            problem = f"names {name}, and its switch has no interfaces of type {ovs.interface_type}"
        elif name == MPLS_GRE and ("add_mpls", "false") in switch.features:
            problem = f"names {name}, and its datapath cannot put a label before a frame"
        elif names.count(name) > 1:
            problem = f"names {name} twice"
        if problem:
            return (), f"external_ids:vnc-encap-type {problem}; run on it: {_SET_TYPES}"
    return names, ""
