"""The tunnel ports of the integration bridge, one to each remote VTEP.  Pure.

Sources: ovs-vswitchd.conf.db(5), table Interface; ovs-vswitchd(8), "BFD".
"""

from __future__ import annotations

import functools
import hashlib
import ipaddress
from collections.abc import Container, Iterable, Mapping

from ryu_apps.connections.port_number import port_number
from ryu_apps.southbound.ovsdb.desired import Wish
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction, json_map
from ryu_apps.southbound.ovsdb.rows import TUNNEL_MARK
from ryu_apps.southbound.ovsdb.view import View

VXLAN_PORT = 4789


@functools.lru_cache(maxsize=16384)
def tunnel_name(vtep: str) -> str:
    """The tunnel port's name, at most 15 characters, the same on every hypervisor and node."""
    address = ipaddress.ip_address(vtep)
    if address.version == 4:
        return f"vx{int(address):08x}"
    return "vx" + hashlib.blake2b(address.packed, digest_size=6).hexdigest()


def check_tunnels(
    transaction: Transaction,
    replica: Replica,
    root: Row,
    view: View,
    vteps: Iterable[str],
    wish: Wish,
) -> None:
    """One port to each of ``vteps`` but the hypervisor's own, as wanted; none of ours besides."""
    assert view.bridge is not None
    bridge = view.bridge[0]
    interval = str(wish.bfd_interval)
    bfd = {"enable": "true", "min_rx": interval, "min_tx": interval}
    port = _vxlan_port(root)
    present: set[str] = set()
    insertions: list = []
    for vtep in sorted(vteps):
        if vtep == wish.vtep:
            continue
        name = tunnel_name(vtep)
        options = {"remote_ip": vtep, "local_ip": wish.vtep, "key": "flow", "dst_port": port}
        uuid = replica.interfaces_by_name.get(name)
        if uuid is None:
            if name in replica.ports_by_name:
                transaction.problems.append(f"no tunnel to {vtep}: there is another port {name}")
            else:
                insertions.append(_insert_port(transaction, name, vtep, options, bfd))
            continue
        if view.member(uuid) is None:
            transaction.problems.append(f"no tunnel to {vtep}: another bridge has a port {name}")
            continue
        present.add(uuid)
        row = replica.tables["Interface"][uuid]
        if row["type"] != "vxlan":
            transaction.update("Interface", uuid, {"type": "vxlan"})
        transaction.set_keys("Interface", uuid, "options", row, options)
        transaction.set_keys("Interface", uuid, "bfd", row, bfd)
        transaction.set_keys("Interface", uuid, "external_ids", row, {TUNNEL_MARK: vtep})
    deletions = _remove_others(transaction, replica, view, present)
    mutations = []
    if deletions:
        mutations.append(["ports", "delete", ["set", deletions]])
    if insertions:
        mutations.append(["ports", "insert", ["set", insertions]])
    if mutations:
        transaction.mutate("Bridge", bridge, *mutations)


def _vxlan_port(root: Row) -> str:
    return str(port_number(str(root["external_ids"].get("vnc-vxlan-port", ""))) or VXLAN_PORT)


def _insert_port(
    transaction: Transaction,
    name: str,
    vtep: str,
    options: Mapping[str, str],
    bfd: Mapping[str, str],
) -> list:
    """A port with its interface; what stands for its UUID."""
    interface = transaction.insert(
        "Interface",
        {
            "name": name,
            "type": "vxlan",
            "options": json_map(options),
            "bfd": json_map(bfd),
            "external_ids": json_map({TUNNEL_MARK: vtep}),
        },
        f"i{name}",
    )
    return transaction.insert("Port", {"name": name, "interfaces": interface}, f"p{name}")


def _remove_others(
    transaction: Transaction, replica: Replica, view: View, present: Container[str]
) -> list:
    """Our tunnel interfaces that are not ``present`` go; the ports to delete with them.  A port
    that somebody added another interface to loses ours and stays."""
    gone: dict[str, list[str]] = {}
    for uuid in view.tunnel_interfaces():
        holder = view.member(uuid)
        if uuid not in present and holder is not None:
            gone.setdefault(holder, []).append(uuid)
    ports: list = []
    for holder, interfaces in gone.items():
        # A port without any interface is refused (ovs-vswitchd.conf.db(5)), and with it all else.
        if len(replica.tables["Port"][holder]["interfaces"]) > len(interfaces):
            ours = ["set", [["uuid", uuid] for uuid in interfaces]]
            transaction.mutate("Port", holder, ["interfaces", "delete", ours])
        else:
            ports.append(["uuid", holder])
    return ports
