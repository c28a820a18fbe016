"""What rows of a hypervisor's database say, in the words of the control core.  Pure."""

from __future__ import annotations

import ipaddress

from ryu_apps.control.messages import ElementInfo, Interface, TunnelStatus
from ryu_apps.southbound.ovsdb_replica import Replica, Row

IFACE_ID = "iface-id"
TUNNEL_MARK = "vnc-vtep"
INSTALLED_MARK = "vnc-installed"
MAX_IFACE_ID = 255
MAX_NAME = 255
_BROADCAST = ipaddress.IPv4Address("255.255.255.255")
_SET_ENCAP = "ovs-vsctl set Open_vSwitch . external_ids:vnc-encap-ip=A.B.C.D"
_SET_SYSTEM_ID = "ovs-vsctl set Open_vSwitch . external_ids:system-id=NAME"


def bridge_name(root: Row) -> str:
    """The integration bridge's name: ``br-int`` unless ``external_ids:vnc-bridge`` names one."""
    name = root["external_ids"].get("vnc-bridge", "")
    return name if isinstance(name, str) and 0 < len(name) <= 15 else "br-int"


def ipv4(text: object) -> str | None:
    """The canonical unicast IPv4 address in ``text``, or None."""
    if not isinstance(text, str):
        return None
    try:
        address = ipaddress.IPv4Address(text.strip())
    except ValueError:
        return None
    if address.is_multicast or address.is_unspecified or address == _BROADCAST:
        return None
    return str(address)


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


def describe(
    replica: Replica, bridge: Row | None, address: str
) -> tuple[ElementInfo | None, str]:
    """(who the hypervisor is, or None; what is missing and how to mend it)."""
    root = replica.root
    if root is None:
        return None, "the database has no Open_vSwitch row; run on it: ovs-vsctl --no-wait init"
    uuid, row = root
    ids = row["external_ids"]
    name = ids.get("system-id")
    if not isinstance(name, str) or not name.strip() or len(name) > MAX_NAME:
        return None, f"external_ids:system-id is missing or bad; run on it: {_SET_SYSTEM_ID}"
    given = ids.get("vnc-encap-ip")
    vtep = ipv4(given)
    if vtep is None:
        what = "is missing" if given is None else f"is not an IPv4 address ({str(given)[:60]!r})"
        return None, f"external_ids:vnc-encap-ip {what}; run on it: {_SET_ENCAP}"
    hostname = ids.get("hostname")
    return (
        ElementInfo(
            element=name,
            hostname=hostname[:MAX_NAME] if isinstance(hostname, str) else "",
            vtep=vtep,
            identity=uuid,
            address=address,
            ovs_version=str(row["ovs_version"] or ""),
            datapath_id=datapath_id(bridge),
        ),
        "",
    )


def tunnel_of(row: Row) -> TunnelStatus | None:
    """The tunnel that an interface is, by our mark; None where it bears none."""
    ids = row["external_ids"]
    if TUNNEL_MARK not in ids:
        return None
    status = row["bfd_status"]
    return TunnelStatus(
        vtep=str(ids[TUNNEL_MARK]),
        ofport=_ofport(row),
        bfd=str(status.get("state", "")) if row["bfd"].get("enable") == "true" else "",
        error=str(row.get("error") or ""),
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
    ):
        return None, (
            f"interface {row['name'][:MAX_NAME]!r} has a bad iface-id "
            f"{str(iface_id)[:60]!r}: ignored"
        )
    return (
        Interface(
            name=row["name"],
            iface_id=iface_id,
            ofport=_ofport(row),
            link_up=row["link_state"] != "down" and row["admin_state"] != "down",
            error=str(row.get("error") or ""),
            installed=row["external_ids"].get(INSTALLED_MARK) == "true",
        ),
        "",
    )


def _ofport(row: Row) -> int:
    """OpenFlow port number; -1 where there is none yet or OVS could not make the port."""
    number = row["ofport"]
    return number if type(number) is int and 0 < number < 0xFFFF_FF00 else -1
