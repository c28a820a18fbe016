"""Whether a vrouter can forward along a route at all, and if not, why.  Pure."""

from __future__ import annotations

from ryu_apps.control.routes import Path
from ryu_apps.control.vpn.encapsulations import choose_encapsulation
from ryu_apps.control.vpn.import_rules import import_rule
from vrouter_ovs.encapsulation import SENDABLE


def unusable(path: Path, kind: str) -> str:
    """Why an instance of this kind ("evi" or "vrf") cannot use a path that it imports, or ""."""
    attrs = path.attrs
    if not choose_encapsulation(attrs.encaps, SENDABLE):
        several = "s" if len(attrs.encaps) > 1 else ""
        names = ", ".join(attrs.encaps) or "(none)"
        return f"with the encapsulation{several} {names}, which no tunnel here has"
    if ":" in attrs.next_hop:
        return "with an IPv6 address of its VTEP, which no tunnel here has"
    return import_rule(kind, path).unusable(path)
