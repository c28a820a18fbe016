"""Whether a vrouter can forward along a route at all, and if not, why.  Pure."""

from __future__ import annotations

from ryu_apps.control.routes import IpPrefix, MacIp, Path


def unusable(path: Path, kind: str) -> str:
    """Why an instance of this kind ("evi" or "vrf") cannot use a path that it imports, or "".

    Whether a type 5 route's gateway address leads anywhere depends on other routes: see
    :meth:`~ryu_apps.control.vpn.instances.Instance.why_unused`.
    """
    attrs, nlri = path.attrs, path.nlri
    if attrs.encap != "vxlan":
        return f"with the encapsulation {attrs.encap or '(none)'}, which no tunnel here has"
    if ":" in attrs.next_hop:
        return "with an IPv6 address of its VTEP, which no tunnel here has"
    if kind == "evi":
        if type(nlri) is IpPrefix:
            return "as a prefix, which an EVI cannot route"
        return "" if path.labels[0] else "without a VNI"
    if type(nlri) is IpPrefix and path.gateway:
        return ""
    if type(nlri) is IpPrefix and path.esi:
        return "with an Ethernet segment as overlay index (RFC 9136 section 4.3)"
    if type(nlri) is MacIp and len(path.labels) < 2:
        return "for bridging alone: the route has no VNI of a VRF"
    if not path.labels[-1]:
        return "without a VNI"
    if not attrs.router_mac:
        return "without a Router's MAC (RFC 9135 section 6.1)"
    return ""
