"""The ACTIVE binding of a port follows where the port has moved to."""

from __future__ import annotations

from ryu_apps.control.messages import ActivateBinding
from ryu_apps.control.ports.arrivals import Arrivals, Role
from ryu_apps.control.tables import Tables


class Activations:
    """Reads: the configuration, bound and active ports.
    Emits: ActivateBinding, appended to ``effects``."""

    def __init__(self, tables: Tables, arrivals: Arrivals, effects: list) -> None:
        self._tables = tables
        self._arrivals = arrivals
        self._effects = effects
        self._told: dict[str, tuple[str, ...]] = {}
        """Port id -> the host that its ACTIVE binding was to be at, until the configuration says
        so."""

    def follow(self, port_id: str) -> None:
        """Have the configuration say where a port is that has moved."""
        port = self._tables.config.ports.get(port_id)
        bound = self._tables.bound.get(port_id)
        # Not from where it has left: the configuration may be ahead of the route from where it is.
        if port is None or bound is None or (
            self._arrivals.role(port, bound.element) != Role.TARGET
        ):
            self._told.pop(port_id, None)
            return
        hosts = self._arrivals.names(bound.element)
        if port_id in self._tables.active and self._told.get(port_id) != hosts:
            self._told[port_id] = hosts
            self._effects.append(ActivateBinding(port_id, hosts))
