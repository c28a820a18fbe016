"""Several nodes' southbounds in one process, and one real hypervisor that is connected to all of
them.  Which node owns it is what a test says: there is no control core.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Sequence
from typing import Any

from os_ken.base import app_manager
from os_ken.controller import ofp_event
from os_ken.controller.handler import DEAD_DISPATCHER, MAIN_DISPATCHER, set_ev_cls
from os_ken.ofproto import ofproto_v1_4

from lab.beds.openflow_bed import eventually, free_port
from lab.beds.option_values import openflow_channels, ovsdb_settings
from lab.beds.ovsdb_bed import Hypervisor
from ryu_apps import runtime
from ryu_apps.control.messages import (
    AcceptElement,
    Defer,
    ElementChanged,
    ElementConnected,
    ElementInfo,
    MastershipLost,
    Program,
    ReconsiderElement,
    RefuseElement,
    ReleaseElement,
    StandbyReady,
)
from ryu_apps.southbound.openflow.channels import OpenFlowChannels
from ryu_apps.southbound.ovs import OvsSouthbound
from ryu_apps.southbound.ovsdb.sessions import OvsdbSessions
from vrouter_ovs.state import OPENFLOW, TARGET_OF, ControllerTarget, Key, StateObject


class BedApp(app_manager.OSKenApp):
    """Hands each connection to the node whose address it was made to."""

    OFP_VERSIONS = [ofproto_v1_4.OFP_VERSION]
    nodes: dict[str, OpenFlowChannels] = {}
    connections: dict[str, set[Any]] = {}
    """By the address that they were made to."""
    held: set[str] = set()
    """Addresses of nodes that are not told of new connections."""

    @set_ev_cls(ofp_event.EventOFPStateChange, [MAIN_DISPATCHER, DEAD_DISPATCHER])
    def state_changed(self, event: Any) -> None:
        datapath = event.datapath
        if event.state == MAIN_DISPATCHER:
            address = datapath.local_address = datapath.socket.getsockname()[0]
            self.connections.setdefault(address, set()).add(datapath)
        else:
            address = getattr(datapath, "local_address", "")
            self.connections.get(address, set()).discard(datapath)
        channels = self.nodes.get(address)
        if channels is None:
            return
        if event.state != MAIN_DISPATCHER:
            channels.disconnected(datapath)
        elif address not in self.held:
            channels.connected(datapath)


class Listener:
    """os-ken's listener and the app; one per process, as os-ken is."""

    def __init__(self) -> None:
        runtime.install()
        from os_ken.base.app_manager import AppManager
        from os_ken.cfg import CONF

        self.port = free_port()
        CONF(args=[], project="vnc-test", default_config_files=[], default_config_dirs=[])
        CONF.set_override("ofp_tcp_listen_port", self.port)
        CONF.set_override("ofp_listen_host", "0.0.0.0")
        self.manager = AppManager.get_instance()
        self.manager.load_apps([__name__])
        self.manager.instantiate_apps(**self.manager.create_contexts())

    def close(self) -> None:
        runtime.shut_down(self.manager, 2.0)
        self.manager.applications_cls.clear()
        self.manager.contexts_cls.clear()


class OwningNode:
    """The southbound of one node, at an address of its own of 127.0.0.0/8."""

    def __init__(self, listener: Listener, address: str, **options: Any) -> None:
        self.address = address
        self.events: list[object] = []
        self.punted: list[bytes] = []
        self.revision = 0
        self.switched = 0
        """The last revision that changed something of the switch."""
        self.epoch: int | None = None
        self.openflow = openflow_channels(
            self.events.append, punted=lambda _, message: self.punted.append(message), **options
        )
        self.ovsdb = OvsdbSessions(self.events.append, ovsdb_settings(
            listen=(f"ptcp:0:{address}",), node_name=address, openflow_port=listener.port,
        ))
        self.southbound = OvsSouthbound(self.ovsdb, self.openflow)
        self.southbound.start()
        BedApp.nodes[address] = self.openflow
        self.controller = f"tcp:{address}:{listener.port}"

    @property
    def bound(self) -> tuple[str, str, int]:
        return self.ovsdb.bound[0]

    def stop(self) -> None:
        BedApp.nodes.pop(self.address, None)
        self.southbound.stop()

    # ------------------------------------------------------------ what it heard

    def of(self, kind: type) -> list[Any]:
        return [event for event in list(self.events) if type(event) is kind]

    def session(self, element: str) -> tuple[int, ElementInfo]:
        """The newest session of the element, and what it says of itself now."""
        connected = eventually(lambda: [
            event for event in self.of(ElementConnected) if event.info.element == element
        ], f"{element} connected to {self.address}")[-1]
        changed = [event for event in self.of(ElementChanged) if event.session == connected.session]
        return connected.session, (changed[-1] if changed else connected).info

    def is_ready(self, element: str) -> bool:
        told = [event for event in self.of(StandbyReady) if event.element == element]
        return bool(told) and told[-1].ready

    def lost(self) -> list[int]:
        return [event.epoch for event in self.of(MastershipLost)]

    def status(self, element: str) -> dict[str, Any]:
        return self.southbound.status(element)

    # ------------------------------------------------------------ what the control core would say

    def own(self, element: str, epoch: int, *objects: StateObject) -> None:
        """Take the element over: it is to have ``objects``, and nothing else of ours."""
        session, info = self.session(element)
        self.southbound.reconsider(ReconsiderElement(session, info.kind))
        self.southbound.accept(AcceptElement(session, info, epoch))
        if self.epoch is None:
            self.revision = self.switched = 0
        self.epoch = epoch
        if objects:
            self.program(element, *objects)
        self.southbound.defer(Defer(element, False))

    def program(
        self, element: str, *objects: StateObject, delete: tuple[Key, ...] = ()
    ) -> int:
        self.revision += 1
        changes = tuple((item.key, item) for item in objects) + tuple((key, None) for key in delete)
        self.southbound.program(Program(element, self.revision, changes))
        if any(TARGET_OF[key[0]] in OPENFLOW for key, _ in changes):
            self.switched = self.revision
        return self.revision

    def stand_by(self, element: str) -> None:
        """Another node has it."""
        session, info = self.session(element)
        if self.epoch is not None:
            self.southbound.release(ReleaseElement(element))
            self.epoch = None
        self.southbound.refuse(RefuseElement(session, info, "another's", standby=True, warm=True))

    def is_served(self, element: str) -> bool:
        """The switch has confirmed all that this node asks for."""
        status = self.status(element)
        return (status["connected"] and status["role"] == "master"
                and not status["pending"] and not status["held"]
                and status["acked_revision"] == self.switched)


class Shared:
    """A hypervisor and its nodes; the first of them makes its bridge and then owns it.  ``join``:
    where it connects to besides."""

    _numbers = itertools.count(1)

    def __init__(
        self, listener: Listener, nodes: int = 2, join: Sequence[tuple[str, str, int]] = (),
        **options: Any,
    ) -> None:
        self.name = f"shared{next(self._numbers)}"
        self.nodes = [
            OwningNode(listener, f"127.0.{next(self._numbers)}.{at + 1}", **options)
            for at in range(nodes)
        ]
        self.hypervisor = Hypervisor(self.name, "10.0.0.1").start()
        self.hypervisor.join(*(node.bound for node in self.nodes), *join)
        first, *others = self.nodes
        first.own(self.name, 1, *self.controllers(first))
        eventually(lambda: first.session(self.name)[1].facts.datapath_id, "its bridge")
        first.own(self.name, 1)
        for node in others:
            eventually(lambda node=node: node.session(self.name)[1].facts.datapath_id, "its bridge")
            node.stand_by(self.name)
        for node in others:
            eventually(lambda node=node: node.is_ready(self.name), f"{node.address} ready")
        eventually(lambda: first.is_served(self.name), "served")

    def controllers(self, owner: OwningNode) -> list[StateObject]:
        return [ControllerTarget(node.controller) for node in self.nodes if node is not owner]

    def hand_over(self, to: OwningNode, epoch: int, *objects: StateObject) -> float:
        """Give the element to another node, which is to have it as ``objects`` say; seconds until
        the switch has confirmed them."""
        start = time.monotonic()
        former = [node for node in self.nodes if node.epoch is not None]
        to.own(self.name, epoch, *self.controllers(to), *objects)
        eventually(lambda: to.is_served(self.name), "served")
        took = time.monotonic() - start
        for node in former:
            node.stand_by(self.name)
        return took

    def flows(self) -> list[str]:
        """All flows of the bridge, without statistics, sorted."""
        text = self.hypervisor.ofctl(
            "-O", "OpenFlow14", "--no-stats", "--no-names", "dump-flows",
            f"{self.hypervisor.directory}/br-int.mgmt",
        )
        return sorted(line.strip() for line in text.splitlines() if "actions" in line)

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()
        self.hypervisor.stop()
