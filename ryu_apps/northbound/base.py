"""What REST asks of the running node: the contract between ``northbound`` and the node.

Every method may be called from any thread and answers from one consistent state of the control
core.  Returned values are plain JSON-able data that the caller owns.
"""

from __future__ import annotations

import abc
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple


class PortState(NamedTuple):
    """What is true of a port now, in the whole system.

    ``status``: "ACTIVE" once the owning switch confirmed its flows; "BUILD" when it is claimed but
    not confirmed; "DOWN" when nothing claims it or it is administratively down; "ERROR" when the
    switch refused it.  ``host``: host name of the hypervisor that holds it, or "".
    ``binding_failed``: it is plugged where it cannot be bound, as its network is not there.
    """

    status: str
    host: str
    element: str = ""
    reason: str = ""
    binding_failed: bool = False


DOWN = PortState("DOWN", "")


class Remote(NamedTuple):
    """The thing belongs to another node; ask there.  ``url``: base URL of that node's API."""

    node: str
    url: str


class NodeView(abc.ABC):
    @abc.abstractmethod
    def port_states(self, port_ids: Iterable[str]) -> dict[str, PortState]: ...

    @abc.abstractmethod
    def floating_ips(self, ids: Iterable[str]) -> set[str]:
        """Those of the floating IPs that are carried: the switch has confirmed one, or another node
        announces it."""

    @abc.abstractmethod
    def port_detail(self, port_id: str) -> dict[str, Any]:
        """``{"state", "claims": [{"element", "host", "interface", "ofport", "holds", "reason"}],
        "duplicate": None | {"vtep", "mac", "address", "sequence", "kind", "frozen_for", "reason"},
        ...}``; ``frozen_for``: seconds, or None where it is not frozen."""

    @abc.abstractmethod
    def clear_duplicate(self, port_id: str) -> None:
        """Announce one of *our* ports anew, whoever else announced it before."""

    @abc.abstractmethod
    def port_list(self, port_ids: Iterable[str]) -> list[dict[str, Any]]:
        """``{"id", "status", "host", "element", "reason", "mine"}`` of each; ``mine``: an
        interface of a hypervisor of this node claims it."""

    @abc.abstractmethod
    def health(self) -> dict[str, Any]:
        """``{"status": "ok"|"degraded", "checks": [{"name","ok","detail"}...], ...}``"""

    @abc.abstractmethod
    def counts(self) -> dict[str, int]:
        """Totals of this node that cost nothing to read; ``unconfirmed`` is 0 when every switch of
        this node has confirmed every change."""

    @abc.abstractmethod
    def dns(self) -> dict[str, Any]:
        """What this node does about names: queries, results, cache, resolvers."""

    @abc.abstractmethod
    def metadata(self) -> dict[str, Any]:
        """What became of what instances asked for: results, connections, what is wrong with the
        service; {} where none is served."""

    @abc.abstractmethod
    def nodes(self) -> list[dict[str, Any]]: ...

    @abc.abstractmethod
    def elements(self) -> list[dict[str, Any]]:
        """All hypervisors of the system with owner, VTEP, connection state, ports, tunnels."""

    @abc.abstractmethod
    def element_owner(self, element: str) -> Remote | None:
        """None: ours.  Raises KeyError for an element nobody knows."""

    @abc.abstractmethod
    def port_owner(self, port_id: str) -> Remote | None:
        """The node whose hypervisor holds the port; None: this one, or none does."""

    @abc.abstractmethod
    def forget_element(self, element: str) -> None:
        """Raises KeyError when unknown, ValueError while it is connected."""

    @abc.abstractmethod
    def evis(self) -> list[dict[str, Any]]: ...

    @abc.abstractmethod
    def vrfs(self) -> list[dict[str, Any]]: ...

    @abc.abstractmethod
    def vnis(self, kind: str) -> list[int]:
        """The VNIs of all instances of a kind, "evi" or "vrf"."""

    @abc.abstractmethod
    def rib(
        self, filters: Mapping[str, Collection[str]], offset: int, limit: int
    ) -> tuple[list[dict[str, Any]], int]:
        """Of the paths that match, in order, at most ``limit`` from ``offset`` on, best ones
        marked; and how many match.  ``filters``: values by filter (``northbound.filters.RIB``), one
        of which must hold."""

    @abc.abstractmethod
    def peers(self) -> list[dict[str, Any]]: ...

    @abc.abstractmethod
    def vrouter_objects(self, element: str) -> list[dict[str, Any]]:
        """The state objects of one of *our* elements.  Raises KeyError."""

    @abc.abstractmethod
    def vrouter_flows(self, element: str) -> list[dict[str, Any]]:
        """Flows as installed: table, priority, match, actions, cookie, object.  Raises KeyError."""

    @abc.abstractmethod
    def explain(self, port_id: str, to: str, **packet: Any) -> dict[str, Any]:
        """What the configuration does with a connection: see :func:`control.explain.explain`.

        Raises KeyError for an unknown port, ExplainError."""

    @abc.abstractmethod
    def way_out(self, router_id: str) -> dict[str, Any] | None:
        """What a router sends outside, by which address, and ``order``: the system-ids of its
        gateways; None where it has no way out."""

    @abc.abstractmethod
    def gateways(self, router_id: str) -> list[dict[str, Any]]:
        """Those among *our* vrouters: ``{"element", "host", "before", "after", "next_routers",
        "refused"}``, the last the packets that began a connection and found no port left;
        ``error`` instead where a switch did not say."""

    @abc.abstractmethod
    def rule_counters(self, rule_id: str) -> list[dict[str, Any]]:
        """What a security group rule allowed on *our* vrouters: ``{"element", "host", "packets",
        "bytes"}`` of each that has it; ``error`` instead of counts where a switch did not say."""
