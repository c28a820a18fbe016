"""The tunnel ports of the integration bridge, one to each endpoint.  Pure.

Sources: ovs-vswitchd.conf.db(5), table Interface; ovs-vswitchd(8), "BFD".
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from typing import Any

from ryu_apps.connections.port_number import port_number
from ryu_apps.southbound.ovsdb.contents.view import View
from ryu_apps.southbound.ovsdb.endpoints import (
    TUNNEL_MARK,
    is_reachable,
    tunnel_mark,
    tunnel_name,
)
from ryu_apps.southbound.ovsdb.objects.context import Context
from ryu_apps.southbound.ovsdb.protocol.replica import Replica, Row
from ryu_apps.southbound.ovsdb.protocol.transaction import Transaction, json_map
from vrouter_ovs.encapsulation import ENCAPSULATIONS, MPLS_GRE
from vrouter_ovs.state import ERSPAN, Key, TunnelPort, session_of

NO_BFD = {"enable": "false"}
"""A collector does not speak it."""


def tunnel_ports(context: Context, objects: Mapping[Key, TunnelPort]) -> None:
    """One port to each endpoint but the hypervisor's own; none of ours besides, unless deferred."""
    transaction, replica, view, spec = (
        context.transaction, context.replica, context.view, context.spec
    )
    interval = str(spec.bfd_interval)
    with_bfd = {
        "enable": "true", "min_rx": interval, "min_tx": interval,
        "mult": str(spec.bfd_multiplier),
    }  # fmt: skip
    present: set[str] = set()
    insertions: list = []
    for key, item in sorted(objects.items()):
        endpoint = item.endpoint
        if endpoint.vtep == spec.vtep:
            continue
        local, remote = item.local_ip or spec.vtep, item.remote_ip or endpoint.vtep
        if not is_reachable(endpoint):
            transaction.refuse(key, f"no tunnel port can lead to {endpoint}")
            continue
        name = tunnel_name(endpoint)
        uuid = replica.interfaces_by_name.get(name)
        if uuid is None and name in replica.ports_by_name:
            transaction.refuse(key, f"no tunnel to {endpoint}: there is another port {name}")
            continue
        if uuid is not None and view.member(uuid) is None:
            transaction.refuse(key, f"no tunnel to {endpoint}: another bridge has a port {name}")
            continue
        if uuid is not None:
            present.add(uuid)
        if key in context.failing:
            continue
        session = session_of(endpoint)
        kind, options = (
            _type_and_options(context.root, endpoint.encap, local, remote) if session is None
            else _to_collector(*session, local, remote)
        )
        mark = {TUNNEL_MARK: tunnel_mark(endpoint)}
        bfd = with_bfd if session is None else NO_BFD
        with transaction.of(key):
            if uuid is None:
                insertions.append(_insert_port(transaction, {
                    "name": name, "type": kind, "options": json_map(options),
                    "bfd": json_map(bfd), "external_ids": json_map(mark),
                }))  # fmt: skip
                continue
            row = replica.tables["Interface"][uuid]
            if row["type"] != kind:
                transaction.update("Interface", uuid, {"type": kind})
            transaction.set_keys("Interface", uuid, "options", row, options)
            transaction.set_keys("Interface", uuid, "bfd", row, bfd)
            transaction.set_keys("Interface", uuid, "external_ids", row, mark)
    deletions = [] if context.deferred else _remove_others(transaction, replica, view, present)
    mutations = []
    if deletions:
        mutations.append(["ports", "delete", ["set", deletions]])
    if insertions:
        mutations.append(["ports", "insert", ["set", insertions]])
    if mutations:
        transaction.mutate("Bridge", context.bridge[0], *mutations)


def _type_and_options(
    root: Row, encap: str, local: str, remote: str
) -> tuple[str, dict[str, str]]:
    """The columns ``type`` and ``options`` of the interface from ``local`` to ``remote``.
    ``external_ids:vnc-ENCAPSULATION-port`` of the root row sets another UDP port than the
    registered one."""
    ovs = ENCAPSULATIONS[encap].ovs
    assert ovs is not None, "a tunnel port has a name"
    options = {"remote_ip": remote, "local_ip": local}
    if encap == MPLS_GRE:
        # What is not Ethernet leaves without an Ethernet header, and gets one when it arrives.
        options["packet_type"] = "legacy_l3"
    else:
        options["key"] = "flow"
    if ovs.udp_port:
        given = str(root["external_ids"].get(f"vnc-{encap}-port", ""))
        options["dst_port"] = str(port_number(given) or ovs.udp_port)
    return ovs.interface_type, options


def _to_collector(
    mirror_type: str, session: int, local: str, remote: str
) -> tuple[str, dict[str, str]]:
    """Likewise, for copies.  The session's number is the key of GRE; of ERSPAN the session id, and
    the index, which the switch reads in hexadecimal."""
    options = {"remote_ip": remote, "local_ip": local, "key": str(session)}
    if mirror_type == ERSPAN:
        return "erspan", {**options, "erspan_ver": "1", "erspan_idx": f"{session:x}"}
    return "gre", options


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
