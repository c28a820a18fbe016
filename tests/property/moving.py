"""A port that moves between hypervisors of two nodes, with a store that carries out what they want
of it, for the tests of every order."""

from __future__ import annotations

import dataclasses
import random
from typing import Any

from lab.beds.option_values import rules_context
from ryu_apps.control import messages as msg
from ryu_apps.control.config.config import Config
from ryu_apps.control.config.model import Change, FixedIp, Network, Port, Subnet
from ryu_apps.control.config.rules import Draft, RuleError
from ryu_apps.control.config.rules.ports import port_bindings
from ryu_apps.control.routes import MacIp, Path

from .mesh import Mesh
from .world_model import Node

PORT = "vm"
MAC = "fa:16:3e:00:00:0a"
PLACES = ("e0", "e1", "e2")
"""Of the nodes n0, n1 and n0: a move is within a node, or not."""
HOSTS = {name: f"host{name[1:]}" for name in PLACES}
NOW = "2026-01-01T00:00:00Z"


class Moving(Mesh):
    """The port is to be on e0, if ``home``, and anywhere otherwise."""

    RESTART_TIME = 0

    def __init__(self, home: bool = True) -> None:
        super().__init__(2)
        host = HOSTS["e0"] if home else ""
        self.config = Config()
        for kind, item in (
            ("network", Network("net", 101, 1)),
            ("subnet", Subnet("a", "net", "10.0.0.0/24")),
            ("port", Port(PORT, "net", MAC, fixed_ips=(FixedIp("a", "10.0.0.10"),),
                          requested_host=host, unfiltered=True)),
        ):
            self.put(Change(kind, item.id, item))
        self.rest()

    # -- the store

    def put(self, *changes: Change) -> None:
        for change in changes:
            self.config.apply(change)
        self.log.append(msg.ConfigChanged(changes, len(self.log)))

    def request(self, rule: Any, *words: Any) -> bool:
        """What the API does; False where it is refused."""
        context = rules_context(NOW, lambda: "", random.Random(0))
        try:
            with Draft(self.config) as draft:
                rule(draft, PORT, *words, context)
                changes = draft.changes()
        except RuleError:
            return False
        self.put(*changes)
        return True

    def flush(self, number: int) -> bool:
        busy = super().flush(number)
        node = self.nodes[number]
        at_most_one(node)
        for effect in node.effects:
            if isinstance(effect, msg.ActivateBinding):
                with Draft(self.config) as draft:
                    port_bindings.arrived(draft, effect.port_id, effect.hosts, NOW)
                    changes = draft.changes()
                if changes:
                    self.put(*changes)
        return busy

    @property
    def port(self) -> Port:
        return self.config.ports[PORT]

    # -- the hypervisors

    def node_of(self, name: str) -> Node:
        return self.nodes[self.home[name]]

    def claim(self, name: str) -> None:
        self.node_of(name).bind(name, "tap0", PORT)

    def unclaim(self, name: str) -> None:
        self.node_of(name).interface(name, "tap0", None)

    def claimed(self, name: str) -> bool:
        return "tap0" in self.node_of(name).inputs.elements[name].interfaces

    def send(self, name: str) -> bool:
        """The guest sends at a place: whether it passes.  Where it is watched, the node hears."""
        item = self.node_of(name).tables[name].get(("port", PORT))
        if item is None:
            return False
        if item.standby == "watched":
            self.node_of(name).handle(msg.GuestSeen(name, item.ofport))
        return not item.standby

    def restart(self, number: int) -> None:
        """The node is killed; another with its name begins, with what the switches, the databases
        and the store have."""
        old = self.nodes[number]
        for other in range(len(self.nodes)):
            if other != number:
                self.cut(number, other)
        fresh = Node(old.world.settings, converged=False)
        fresh.now = old.now
        fresh.mute = old.mute
        self.nodes[number] = fresh
        self.catching[number].clear()
        changes = [
            Change(kind, id, item) for kind, table in self.config.tables.items()
            for id, item in table.items()
        ]
        fresh.handle(msg.ConfigChanged(tuple(changes), len(self.log)))
        for event in self.log:
            if isinstance(event, msg.StatusChanged):
                fresh.handle(event)
        self.read[number] = len(self.log)
        fresh.handle(msg.ConfigLoaded())
        fresh.flush()
        for name, one in old.inputs.elements.items():
            marks = old.world.ports
            bound = marks.bound.get(PORT)
            rows = {
                tap: dataclasses.replace(
                    row, installed=bound is not None and bound.element == name
                    and PORT in marks.active,
                ) for tap, row in one.interfaces.items()
            }
            fresh.inputs.elements[name] = dataclasses.replace(one, interfaces=rows)
            fresh.revisions.pop(name, None)
            fresh.connect(name)
        self.flush(number)

    # -- what is seen

    def senders(self) -> list[str]:
        """Where frames of the guest pass."""
        return [
            name for name in PLACES
            if (item := self.node_of(name).tables[name].get(("port", PORT))) is not None
            and not item.standby
        ]

    def announced(self) -> list[Path]:
        return [
            path for node in self.nodes for path in node.announced.values()
            if type(path.nlri) is MacIp
        ]


def at_most_one(node: Node) -> None:
    """Of one node's vrouters at most one lets frames of the port pass."""
    sending = [
        name for name, table in node.tables.items()
        if ("port", PORT) in table and not table["port", PORT].standby
    ]
    assert len(sending) <= 1, sending
