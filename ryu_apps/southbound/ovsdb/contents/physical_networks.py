"""The physical networks that a hypervisor is attached to, as its database says.  Pure.

``external_ids:vnc-bridge-mappings`` of the Open_vSwitch row, or OVN's ``ovn-bridge-mappings`` where
there is none: "physnet1:br-phy,physnet2:br-ex" (ovn-controller(8)).  A mapped bridge is the
operator's; a pair of patch ports joins it to the integration bridge while it is used.
"""

from __future__ import annotations

import functools

from ryu_apps.control.kinds import Attachment, is_physical_network
from ryu_apps.southbound.ovsdb.contents.text import shown
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row

MAPPINGS = ("vnc-bridge-mappings", "ovn-bridge-mappings")
"""Keys of ``external_ids``, the first before the second."""
PATCH_MARK = "vnc-physical-network"
"""The key of ``external_ids`` of both patch ports, whose value is the physical network."""
MAX_MAPPINGS = 32
MAX_TEXT = 4096


def patch_names(physical_network: str) -> tuple[str, str]:
    """(the patch port at the integration bridge, its peer at the mapped one)."""
    return f"vnc-phy-{physical_network}", f"vnc-int-{physical_network}"


def attachments(replica: Replica, root: Row, integration: str) -> tuple[Attachment, ...]:
    """What the mappings come to, in their order.  ``integration``: name of the integration bridge.
    Those that are of no use are there with what is wrong with them."""
    text = next((root["external_ids"][key] for key in MAPPINGS if key in root["external_ids"]), "")
    mappings = _parse(text) if isinstance(text, str) and text.strip() else ()
    if not mappings:
        return ()
    bridges = {
        row["name"] for uuid in root["bridges"]
        if (row := replica.tables["Bridge"].get(uuid)) is not None
    }
    found: list[Attachment] = []
    names: set[str] = set()
    taken: dict[str, str] = {}
    for name, bridge, problem in mappings:
        if not problem and name in names:
            problem = f"{name} is mapped twice"
        elif not problem and bridge == integration:
            problem = f"{bridge} is the integration bridge"
        elif not problem and bridge not in bridges:
            problem = f"there is no bridge {bridge}; run on it: ovs-vsctl add-br {bridge}"
        elif not problem and bridge in taken:
            # One would be bridged to the other.
            problem = f"{bridge} is that of {taken[bridge]} already"
        if problem:
            found.append(Attachment(name, bridge, problem))
            continue
        names.add(name)
        taken[bridge] = name
        found.append(Attachment(name, bridge, "", *_patch(replica, name)))
    return tuple(found)


@functools.lru_cache(maxsize=1024)
def _parse(text: str) -> tuple[tuple[str, str, str], ...]:
    """(physical network, bridge, what is wrong) of each mapping."""
    if len(text) > MAX_TEXT:
        return (("", "", f"the mappings have more than {MAX_TEXT} characters"),)
    found = []
    parts = [part.strip() for part in text.split(",")]
    for part in filter(None, parts):
        name, colon, bridge = (one.strip() for one in part.partition(":"))
        if not colon or not bridge or not is_physical_network(name) or not bridge.isprintable():
            found.append(("", "", f"{shown(part, 80)!r} is not PHYSICAL_NETWORK:BRIDGE"))
        else:
            found.append((name, bridge, ""))
    if len(found) > MAX_MAPPINGS:
        more = len(found) - MAX_MAPPINGS
        found = [
            *found[:MAX_MAPPINGS],
            ("", "", f"{more} mappings beyond the first {MAX_MAPPINGS} are ignored"),
        ]
    return tuple(found)


def _patch(replica: Replica, name: str) -> tuple[int, str]:
    """(OpenFlow number of the patch port at the integration bridge, -1 where there is none; what
    Open vSwitch says is wrong with it)."""
    uuid = replica.interfaces_by_name.get(patch_names(name)[0])
    row = replica.tables["Interface"].get(uuid) if uuid is not None else None
    if row is None or row["external_ids"].get(PATCH_MARK) != name:
        return -1, ""
    number = row["ofport"]
    if type(number) is not int or not 0 < number < 0xFFFF_FF00:
        return -1, shown(row.get("error"), 255)
    return number, ""
