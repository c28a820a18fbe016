"""What rows of a hypervisor's database say, in the words of the control core.  Pure."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping

from ryu_apps.control.elements.elements import MAX_VTEPS
from ryu_apps.control.kinds import OvsFacts, Uplink
from ryu_apps.control.messages import ElementInfo, Interface, TunnelStatus
from ryu_apps.southbound.ovsdb.contents.encap_types import encap_types
from ryu_apps.southbound.ovsdb.contents.physical_networks import attachments
from ryu_apps.southbound.ovsdb.contents.text import shown
from ryu_apps.southbound.ovsdb.contents.uplinks import capabilities
from ryu_apps.southbound.ovsdb.endpoints import TUNNEL_MARK, marked_endpoint
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.writing.datapath import connection_limit
from vrouter_ovs.encapsulation import VXLAN

IFACE_ID = "iface-id"
INSTALLED_MARK = "vnc-installed"
MAX_IFACE_ID = 255
MAX_NAME = 255
MAX_ERROR = 255
_BRIDGE_NAME = re.compile(r"[\w.:@-]{1,15}", re.ASCII)
_SET_ENCAP = "ovs-vsctl set Open_vSwitch . external_ids:vnc-encap-ip=A.B.C.D"
MAX_ENCAP_IP = 128
_SET_HOSTNAME = "ovs-vsctl set Open_vSwitch . external_ids:hostname=NAME"
_SET_SYSTEM_ID = "ovs-vsctl set Open_vSwitch . external_ids:system-id=NAME"


def bridge_name(root: Row) -> str:
    """The integration bridge's name: ``br-int`` unless ``external_ids:vnc-bridge`` names one."""
    name = root["external_ids"].get("vnc-bridge", "")
    return name if isinstance(name, str) and _BRIDGE_NAME.fullmatch(name) else "br-int"


def ipv4(text: object) -> str | None:
    """The canonical IPv4 address in ``text``, or None."""
    if not isinstance(text, str):
        return None
    try:
        return str(ipaddress.IPv4Address(text.strip()))
    except ValueError:
        return None


def ip_address(text: str) -> str | None:
    """The canonical IP address in ``text``, of either family and without a zone, or None."""
    try:
        return str(ipaddress.ip_address(text.strip())) if "%" not in text else None
    except ValueError:
        return None


def no_unicast(address: str) -> str:
    """Why no host on a network can have this address, or "" (IANA's special-purpose address
    registries, RFC 6890; RFC 1112 section 4, RFC 4291 section 2.4)."""
    value = ipaddress.ip_address(address)
    for network, what in _NO_UNICAST:
        if value in network:
            return f"{address} {what}"
    return ""


_NO_UNICAST = [
    (ipaddress.ip_network(network), what) for network, what in (
        ("0.0.0.0/8", "is of \"this network\", no host's address"),
        ("127.0.0.0/8", "is a loopback address, which others cannot reach"),
        ("224.0.0.0/4", "is a multicast address"),
        ("255.255.255.255/32", "is the broadcast address"),
        ("240.0.0.0/4", "is reserved"),
        ("::/128", "is no host's address"),
        ("::1/128", "is a loopback address, which others cannot reach"),
        ("::ffff:0:0/96", "is an IPv4 address written as IPv6"),
        ("fe80::/10", "is an address of one link, which others cannot reach"),
        ("ff00::/8", "is a multicast address"),
    )
]


def encap_ips(given: object) -> tuple[tuple[str, ...], str]:
    """(a hypervisor's VTEP addresses as ``external_ids:vnc-encap-ip`` gives them, in canonical
    form; what is wrong with them).  The first is IPv4; each further one, of either family, is one
    more underlay path."""
    if given is None:
        return (), "is missing"
    if not isinstance(given, str) or len(given) > MAX_ENCAP_IP:
        return (), f"is no list of addresses ({shown(given)!r})"
    texts = given.split(",")
    if len(texts) > MAX_VTEPS:
        return (), f"has {len(texts)} addresses, and {MAX_VTEPS} are the most"
    found: list[str] = []
    for text in texts:
        address = ip_address(text)
        if address is None:
            return (), f"is not an IP address ({shown(text)!r})"
        problem = no_unicast(address)
        if problem:
            return (), problem
        if address in found:
            return (), f"has {address} twice: a second path needs an address of its own"
        found.append(address)
    return tuple(found), ""


def bad_encap(problem: str) -> str:
    """A problem of a hypervisor's VTEPs, with how to mend it; "" where there is none."""
    return f"external_ids:vnc-encap-ip {problem}; run on it: {_SET_ENCAP}" if problem else ""


def not_certified(element: str, certified: frozenset[str]) -> str:
    """Why a hypervisor whose certificate is for ``certified`` may not have this system-id, and how
    to mend it; "" where it may."""
    if element in certified:
        return ""
    names = ", ".join(sorted(map(shown, certified))[:4]) or "no hypervisor"
    return (
        f"its certificate is of {names}, not of {shown(element)}: another hypervisor may be "
        f"pretending to be that one; if not, vnctl pki issue hypervisor {shown(element)}"
    )


def vteps_not_certified(
    element: str, vteps: tuple[str, ...], addresses: frozenset[str], required: bool
) -> str:
    """Why a hypervisor whose certificate has these ``addresses`` may not have these VTEPs, and how
    to mend it; "" where it may.  ``required``: also where the certificate has none at all."""
    others = [vtep for vtep in vteps if vtep not in addresses]
    if not others or not (addresses or required):
        return ""
    has = ", ".join(sorted(addresses)[:4]) or "none"
    wanted = " ".join(f"--address {vtep}" for vtep in vteps)
    return (
        f"its certificate is not for the VTEP {', '.join(others)} (external_ids:vnc-encap-ip); the "
        f"addresses in it are: {has}. It may be pretending to be another hypervisor; if not, make "
        f"it another certificate: vnctl pki issue hypervisor {shown(element)} {wanted}"
    )


def name_problem(text: object) -> str:
    """Why ``text`` cannot name a hypervisor in logs, URLs and keys of the store, or ""."""
    if not isinstance(text, str) or not text.strip():
        return "is missing"
    if len(text) > MAX_NAME:
        return f"is longer than {MAX_NAME} characters"
    if not text.isprintable():
        return f"holds characters that cannot be shown ({shown(text)})"
    return ""


def datapath_id(bridge: Row | None) -> int:
    """The id that the bridge shows its controllers; 0 while it is not known.

    ovs-vswitchd reports one when it has made the bridge.  From then on what is configured counts
    before that: it is what is used, and when both change quickly the report can stay behind for
    good.
    """
    reported = bridge["datapath_id"] if bridge is not None else None
    if not isinstance(reported, str):
        return 0
    for text in (bridge["other_config"].get("datapath-id"), reported):
        try:
            if isinstance(text, str) and text:
                return int(text, 16)
        except ValueError:
            continue
    return 0


def is_gateway(ids: Mapping[str, str]) -> bool:
    """Whether a hypervisor's ``external_ids`` offer it as a gateway of routers:
    ``vnc-gateway=true``, or what OVN reads (ovn-controller(8))."""
    options = ids.get("ovn-cms-options", "").split(",")
    return ids.get("vnc-gateway") == "true" or "enable-chassis-as-gw" in options


def describe(
    replica: Replica, bridge: Row | None, address: str, uplinks: tuple[Uplink, ...] = (),
    encapsulations: tuple[str, ...] = (VXLAN,),
) -> tuple[ElementInfo | None, str]:
    """(who the hypervisor is, or None; what is missing and how to mend it).  ``encapsulations``:
    those of one that does not say its own."""
    root = replica.root
    if root is None:
        return None, "the database has no Open_vSwitch row; run on it: ovs-vsctl --no-wait init"
    uuid, row = root
    ids = row["external_ids"]
    name = ids.get("system-id")
    problem = name_problem(name)
    if not problem and ("/" in name or name in (".", "..")):
        problem = f"{name!r} cannot stand in a path"
    if problem:
        return None, f"external_ids:system-id {problem}; run on it: {_SET_SYSTEM_ID}"
    hostname = ids.get("hostname", "")
    problem = name_problem(hostname) if hostname else ""
    if problem:
        return None, f"external_ids:hostname {problem}; run on it: {_SET_HOSTNAME}"
    vteps, problem = encap_ips(ids.get("vnc-encap-ip"))
    if problem:
        return None, bad_encap(problem)
    what = capabilities(replica, row, bridge)
    encaps, problem = encap_types(ids.get("vnc-encap-type"), encapsulations, what)
    if problem:
        return None, problem
    return (
        ElementInfo(
            element=name,
            hostname=hostname,
            vtep=vteps[0],
            further_vteps=vteps[1:],
            identity=shown(uuid),
            address=address,
            facts=OvsFacts(
                ovs_version=shown(row["ovs_version"]),
                datapath_id=datapath_id(bridge),
                bridge=bridge_name(root[1]),
                connection_limit=connection_limit(replica, row, bridge),
                capabilities=what,
                uplinks=uplinks,
                encapsulations=encaps,
                attachments=attachments(replica, row, bridge_name(row)),
                gateway=is_gateway(ids),
            ),
        ),
        "",
    )


def tunnel_of(row: Row) -> TunnelStatus | None:
    """The tunnel that an interface is, by our mark; None where it bears none."""
    ids = row["external_ids"]
    if TUNNEL_MARK not in ids:
        return None
    status = row["bfd_status"] if row["bfd"].get("enable") == "true" else {}
    return TunnelStatus(
        endpoint=marked_endpoint(shown(ids[TUNNEL_MARK])),
        ofport=_ofport(row),
        bfd=shown(status.get("state")),
        error=shown(row.get("error"), MAX_ERROR),
        egress=shown((row.get("status") or {}).get("tunnel_egress_iface")),
        far_bfd=shown(status.get("remote_state")),
    )


def claim_of(row: Row) -> tuple[Interface | None, str]:
    """(the port that an interface claims by its ``iface-id``, or None; what is wrong with it)."""
    iface_id = row["external_ids"].get(IFACE_ID)
    if iface_id is None:
        return None, ""
    if (
        not isinstance(iface_id, str)
        or not iface_id
        or len(iface_id) > MAX_IFACE_ID
        or not iface_id.isprintable()
        or "/" in iface_id
        or not row["name"].isprintable()
    ):
        return None, (
            f"interface {row['name'][:MAX_NAME]!r} has a bad name or iface-id "
            f"{str(iface_id)[:60]!r}: ignored"
        )
    return (
        Interface(
            name=row["name"],
            iface_id=iface_id,
            ofport=_ofport(row),
            link_up=row["link_state"] != "down" and row["admin_state"] != "down",
            error=shown(row.get("error"), MAX_ERROR),
            installed=row["external_ids"].get(INSTALLED_MARK) == "true",
        ),
        "",
    )


def _ofport(row: Row) -> int:
    """OpenFlow port number; -1 where there is none yet or OVS could not make the port."""
    number = row["ofport"]
    return number if type(number) is int and 0 < number < 0xFFFF_FF00 else -1
