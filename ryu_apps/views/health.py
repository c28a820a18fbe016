"""How a node is: its totals, and a check of each thing that can be wrong with it.

Each part says how it is in a file of its own in :mod:`ryu_apps.views.checks`.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple, TypeVar

from ryu_apps.configuration.service import Configuration
from ryu_apps.control.vpn.rib import LOCAL
from ryu_apps.control.world import World
from ryu_apps.controller import Controller, Stopped
from ryu_apps.identity.base import Standing
from ryu_apps.peering.base import Engine
from ryu_apps.store.base import Store

LOG = logging.getLogger(__name__)
T = TypeVar("T")

PATIENCE = 3.0
"""Seconds that the control core may take for an answer."""


class Check(NamedTuple):
    """``ok``: False makes the node degraded.  ``warning``: somebody should look at it, and the
    node does its work."""

    name: str
    ok: bool
    detail: str
    warning: bool = False


class Unanswered(Exception):
    """The control core did not answer; the check ``core`` says so."""


class Sources:
    """What checks are made of, for one look.  ``record``: this node's, as in the store.
    ``elements``: those that this node owns.  Each is read when it is first asked for, and kept."""

    def __init__(
        self,
        controller: Controller,
        store: Store,
        configuration: Configuration | None,
        engine: Engine | None,
        record: dict[str, Any],
        read_peers: Callable[[], list[dict[str, Any]]],
        read_elements: Callable[[], list[dict[str, Any]]],
        authentication: Callable[[], Standing] | None = None,
        metadata: Callable[[], dict[str, Any]] | None = None,
    ) -> None:
        self.controller = controller
        self.store = store
        self.configuration = configuration
        self.engine = engine
        self.record = record
        self.node: str = record["node"]
        self._read_peers = read_peers
        self._read_elements = read_elements
        self.authentication = authentication
        self.metadata = metadata
        self.unanswered = ""
        """Why the control core is asked no more."""

    def world(self, function: Callable[[World], T]) -> T:
        """``function(world)`` on the controller thread.  Raises Unanswered."""
        return self._ask(lambda: self.controller.query(function, PATIENCE))

    def _ask(self, question: Callable[[], T]) -> T:
        if self.unanswered:
            raise Unanswered
        try:
            return question()
        except TimeoutError:
            self.unanswered = f"no answer within {PATIENCE:g} s"
        except Stopped as error:
            self.unanswered = str(error)
        raise Unanswered

    @functools.cached_property
    def peers(self) -> list[dict[str, Any]]:
        self.world(lambda world: None)  # readers wait longer
        return self._ask(self._read_peers)

    @functools.cached_property
    def elements(self) -> list[dict[str, Any]]:
        self.world(lambda world: None)
        return [one for one in self._ask(self._read_elements) if one["owner"] == self.node]


Contributor = Callable[[Sources], Iterable[Check]]
"""The checks of one part."""


def look(sources: Sources, contributors: Sequence[Contributor]) -> dict[str, Any]:
    """``{"status": "ok"|"degraded", "checks": [...]}``.  Raises nothing: a contributor that does
    is a failed check itself."""
    found: list[Check] = []
    for contributor in contributors:
        name = contributor.__module__.rpartition(".")[2]
        try:
            found += contributor(sources)
        except Unanswered:
            if name != "core":
                found.append(Check(name, False, "unknown: the control core does not answer"))
        except Exception as error:  # one part must not take the word from the others
            LOG.exception("the check %s failed", name)
            found.append(Check(name, False, f"the check itself failed: {error}"))
    return {
        "status": "ok" if all(one.ok for one in found) else "degraded",
        "checks": [
            {"name": one.name, "ok": bool(one.ok), "detail": one.detail}
            | ({"warning": True} if one.warning else {})
            for one in found
        ],
    }


def counts(world: World) -> dict[str, int]:
    """Cheap totals.  ``unconfirmed``: changes that some vrouter of ours has not confirmed yet."""
    return {
        "ports": len(world.config.ports),
        "bound_ports": len(world.ports.bound),
        "active_ports": len(world.ports.active),
        "paths": len(world.rib),
        "local_paths": world.rib.count(LOCAL),
        "unconfirmed": sum(
            element.confirmations.behind() for element in world.elements.accepted.values()
        ),
        "objects": sum(map(len, world.desired.objects.values())),
    }
