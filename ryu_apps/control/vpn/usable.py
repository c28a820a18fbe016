"""Whether a vrouter can forward along a route at all, and if not, why.  Pure."""

from __future__ import annotations

from ryu_apps.control.routes import Attributes, Path
from ryu_apps.control.vpn.encapsulations import choose_encapsulation
from ryu_apps.control.vpn.import_rules import RULES_OF
from vrouter_ovs.encapsulation import SENDABLE

_SENDABLE = tuple(sorted(SENDABLE))


def unusable(path: Path, kind: str) -> str:
    """Why an instance of this kind ("evi" or "vrf") cannot use a path that it imports, or ""."""
    return unreachable(path.attrs) or RULES_OF[kind][type(path.nlri)].unusable(path)


def unreachable(attrs: Attributes) -> str:
    """Why no tunnel leads to the VTEP of a path, or ""."""
    if not choose_encapsulation(attrs.encaps, _SENDABLE):
        several = "s" if len(attrs.encaps) > 1 else ""
        names = ", ".join(attrs.encaps) or "(none)"
        return f"with the encapsulation{several} {names}, which no tunnel here has"
    return ""
