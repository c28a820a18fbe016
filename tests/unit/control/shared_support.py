"""Nodes that all have sessions with all elements, as where hypervisors name all of them."""

from __future__ import annotations

from dataclasses import replace

from ryu_apps.control import messages as msg
from ryu_apps.control.ownership.records import NODES, PROTOCOL
from tests.property.mesh import Mesh
from tests.property.world_model import ELEMENTS


class Shared(Mesh):
    """All nodes have sessions with all elements; notes what the vrouters are told."""

    RESTART_TIME = 120

    def __init__(self, size: int) -> None:
        self.told: list[tuple[int, str, tuple]] = []
        super().__init__(size)

    def flush(self, number: int) -> bool:
        busy = super().flush(number)
        node = self.nodes[number]
        node.mute = set(ELEMENTS) - node.world.elements.accepted.keys()
        for effect in node.effects:
            if isinstance(effect, msg.Program):
                self.told += [(number, effect.element, key) for key, _ in effect.changes]
            elif isinstance(effect, msg.AcceptElement):
                node.handle(msg.VrouterConnected(effect.info.element))
            elif isinstance(effect, msg.RefuseElement) and effect.warm:
                node.handle(msg.StandbyReady(effect.info.element, True))
        return busy

    def share(self) -> None:
        for number in range(len(self.nodes)):
            value = {"url": f"http://192.0.2.{number}:9696", "ownership": PROTOCOL}
            self.log.append(msg.StatusChanged(((NODES + f"n{number}", value),)))
        self.rest()
        for number, node in enumerate(self.nodes):
            for session, (name, home) in enumerate(self.home.items(), 1000):
                one = self.nodes[home].inputs.elements[name]
                one.info = replace(one.info, controller=f"tcp:192.0.2.{home}:6653")
                if number == home:
                    node.handle(msg.ElementChanged(one.session, one.info))
                    continue
                copy = replace(one, session=session, info=replace(
                    one.info, controller=f"tcp:192.0.2.{number}:6653"))
                node.inputs.elements[name] = copy
                node.introduce(copy)
        self.rest()
        self.wait(2)
        self.told.clear()

    def wish(self, key: str, value: object) -> None:
        self.log.append(msg.StatusChanged(((key, value),)))

    def wait(self, seconds: float) -> None:
        for _ in range(int(seconds)):
            for number, one in enumerate(self.nodes):
                if number not in self.paused:
                    one.tick(1)
            self.rest()

    def owner(self, name: str) -> list[int]:
        return [number for number, one in enumerate(self.nodes)
                if name in one.world.elements.accepted]
