"""The tunnel ports of the integration bridge, one to each endpoint.  Pure.

Sources: ovs-vswitchd.conf.db(5), table Interface; ovs-vswitchd(8), "BFD".
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping
from typing import Any

from ryu_apps.connections.port_number import port_number
from ryu_apps.southbound.ovsdb.desired import Wish
from ryu_apps.southbound.ovsdb.endpoints import TUNNEL_MARK, tunnel_mark, tunnel_name
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction, json_map
from ryu_apps.southbound.ovsdb.view import View
from vrouter_ovs.encapsulation import ENCAPSULATIONS
from vrouter_ovs.state import Endpoint


def check_tunnels(
    transaction: Transaction,
    replica: Replica,
    root: Row,
    view: View,
    endpoints: Iterable[Endpoint],
    wish: Wish,
) -> None:
    """One port to each of ``endpoints`` but the hypervisor's own, as wanted; none of ours
    besides."""
    assert view.bridge is not None
    bridge = view.bridge[0]
    interval = str(wish.bfd_interval)
    bfd = {"enable": "true", "min_rx": interval, "min_tx": interval}
    present: set[str] = set()
    insertions: list = []
    for endpoint in sorted(endpoints):
        if endpoint.vtep == wish.vtep:
            continue
        name = tunnel_name(endpoint)
        uuid = replica.interfaces_by_name.get(name)
        kind, options = _type_and_options(root, endpoint, wish.vtep)
        mark = {TUNNEL_MARK: tunnel_mark(endpoint)}
        if uuid is None:
            if name in replica.ports_by_name:
                transaction.problems.append(
                    f"no tunnel to {endpoint}: there is another port {name}"
                )
            else:
                insertions.append(_insert_port(transaction, {
                    "name": name, "type": kind, "options": json_map(options),
                    "bfd": json_map(bfd), "external_ids": json_map(mark),
                }))  # fmt: skip
            continue
        if view.member(uuid) is None:
            transaction.problems.append(
                f"no tunnel to {endpoint}: another bridge has a port {name}"
            )
            continue
        present.add(uuid)
        row = replica.tables["Interface"][uuid]
        if row["type"] != kind:
            transaction.update("Interface", uuid, {"type": kind})
        transaction.set_keys("Interface", uuid, "options", row, options)
        transaction.set_keys("Interface", uuid, "bfd", row, bfd)
        transaction.set_keys("Interface", uuid, "external_ids", row, mark)
    deletions = _remove_others(transaction, replica, view, present)
    mutations = []
    if deletions:
        mutations.append(["ports", "delete", ["set", deletions]])
    if insertions:
        mutations.append(["ports", "insert", ["set", insertions]])
    if mutations:
        transaction.mutate("Bridge", bridge, *mutations)


def _type_and_options(root: Row, endpoint: Endpoint, own: str) -> tuple[str, dict[str, str]]:
    """The columns ``type`` and ``options`` of the interface towards ``endpoint``.  ``own``: the
    hypervisor's VTEP.  ``external_ids:vnc-ENCAPSULATION-port`` of the root row sets another UDP
    port than the registered one."""
    port = ENCAPSULATIONS[endpoint.encap].port
    assert port is not None, "a tunnel port has a name"
    options = {"remote_ip": endpoint.vtep, "local_ip": own, "key": "flow"}
    if port.udp_port:
        given = str(root["external_ids"].get(f"vnc-{endpoint.encap}-port", ""))
        options["dst_port"] = str(port_number(given) or port.udp_port)
    return port.interface_type, options


def _insert_port(transaction: Transaction, interface: Mapping[str, Any]) -> list:
    """A port with one interface, whose columns are given; what stands for its UUID."""
    name = interface["name"]
    inserted = transaction.insert("Interface", interface, f"i{name}")
    return transaction.insert("Port", {"name": name, "interfaces": inserted}, f"p{name}")


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
