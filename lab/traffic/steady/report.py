"""What steady traffic saw: frozen, for assertions and for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(frozen=True)
class Flow:
    """One flow of pings.  ``longest_outage``: seconds from the sending of the first lost ping of a
    row to the sending of the next answered one; 0 where none was lost.  ``slowest``: the longest
    round trip in seconds."""

    name: str
    sent: int = 0
    received: int = 0
    duplicates: int = 0
    longest_outage: float = 0.0
    slowest: float = 0.0

    @property
    def lost(self) -> int:
        return self.sent - self.received


@dataclass(frozen=True)
class Pings:
    """All flows of pings."""

    flows: tuple[Flow, ...] = ()

    @property
    def sent(self) -> int:
        return sum(flow.sent for flow in self.flows)

    @property
    def received(self) -> int:
        return sum(flow.received for flow in self.flows)

    @property
    def lost(self) -> int:
        return sum(flow.lost for flow in self.flows)

    @property
    def duplicates(self) -> int:
        return sum(flow.duplicates for flow in self.flows)

    @property
    def longest_outage(self) -> float:
        return max((flow.longest_outage for flow in self.flows), default=0.0)

    @property
    def slowest(self) -> float:
        return max((flow.slowest for flow in self.flows), default=0.0)

    def among(self, text: str) -> Pings:
        """The flows alone whose name has ``text``: "web1 >" are those that web1 sends."""
        return Pings(tuple(flow for flow in self.flows if text in flow.name))


@dataclass(frozen=True)
class Streams:
    """The TCP connections that last.  ``records``: kilobytes that went there and came back as they
    were sent; ``longest_stall``: seconds without one; ``broken``: why connections ended."""

    records: int = 0
    longest_stall: float = 0.0
    broken: tuple[str, ...] = ()


@dataclass(frozen=True)
class Connections:
    """New TCP connections, each of which asks for one byte.  ``failed``: reason -> how many;
    ``slowest`` in seconds."""

    attempted: int = 0
    succeeded: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    slowest: float = 0.0


@dataclass(frozen=True)
class Denied:
    """Attempts that must not succeed.  ``leaked``: how many did, or were refused by their target,
    or had a segment that was seen there; ``leaks``: which, the first few."""

    attempted: int = 0
    leaked: int = 0
    leaks: tuple[str, ...] = ()


@dataclass(frozen=True)
class Renewals:
    """DHCP clients that ask for their lease again; ``refused``: NAKs; ``slowest`` in seconds."""

    sent: int = 0
    answered: int = 0
    refused: int = 0
    slowest: float = 0.0


@dataclass(frozen=True)
class Writes:
    """Changes through the REST API.  ``failed``: status, or "no answer" -> how many; ``wrong``:
    acknowledged writes that were not there in the end; ``verified``: how many were looked for;
    ``slowest`` in seconds, of the acknowledged, and ``slowest_failure`` of the others."""

    attempted: int = 0
    acknowledged: int = 0
    failed: Mapping[str, int] = field(default_factory=dict)
    slowest: float = 0.0
    slowest_failure: float = 0.0
    verified: int = 0
    wrong: tuple[str, ...] = ()


@dataclass(frozen=True)
class Report:
    """Everything, over ``seconds``."""

    seconds: float = 0.0
    pings: Pings = Pings()
    streams: Streams = Streams()
    connections: Connections = Connections()
    denied: Denied = Denied()
    renewals: Renewals = Renewals()
    writes: Writes = Writes()

    @property
    def lost(self) -> dict[str, int]:
        """What was lost or went wrong, by its name; {} when nothing was."""
        counts = {
            "pings": self.pings.lost,
            "duplicates": self.pings.duplicates,
            "streams": len(self.streams.broken),
            "connections": self.connections.attempted - self.connections.succeeded,
            "leaks": self.denied.leaked,
            "renewals": self.renewals.sent - self.renewals.answered,
            "writes": self.writes.attempted - self.writes.acknowledged,
            "acknowledged writes": len(self.writes.wrong),
        }
        return {name: count for name, count in counts.items() if count}

    @property
    def forwarding_lost(self) -> dict[str, int]:
        """:attr:`lost` without what needs a node: DHCP and the API."""
        beyond = ("renewals", "writes", "acknowledged writes")
        return {name: count for name, count in self.lost.items() if name not in beyond}

    def __str__(self) -> str:
        pings, streams, connections = self.pings, self.streams, self.connections
        denied, renewals, writes = self.denied, self.renewals, self.writes
        lines = [
            f"{self.seconds:.1f} s",
            f"pings {pings.sent}, lost {pings.lost}, duplicates {pings.duplicates}, longest outage "
            f"{pings.longest_outage:.2f} s, slowest {pings.slowest * 1000:.0f} ms",
            f"streams {streams.records} kB, longest stall {streams.longest_stall:.2f} s, broken "
            f"{list(streams.broken)}",
            f"connections {connections.succeeded} of {connections.attempted}, failed "
            f"{dict(connections.failed)}, slowest {connections.slowest * 1000:.0f} ms",
            f"denied {denied.attempted}, leaked {denied.leaked} {list(denied.leaks)}",
            f"renewals {renewals.answered} of {renewals.sent}, refused {renewals.refused}, slowest "
            f"{renewals.slowest * 1000:.0f} ms",
            f"writes {writes.acknowledged} of {writes.attempted}, failed {dict(writes.failed)}, "
            f"slowest {writes.slowest * 1000:.0f} ms, verified {writes.verified}, wrong "
            f"{list(writes.wrong)}",
        ]
        worst = sorted(pings.flows, key=lambda flow: -flow.lost)[:5]
        lines += [f"  {flow.name}: lost {flow.lost} of {flow.sent}, outage "
                  f"{flow.longest_outage:.2f} s" for flow in worst if flow.lost]
        return "\n".join(lines)


def from_json(data: Mapping[str, Any]) -> Report:
    """A report from what the sending process wrote."""
    pings = Pings(tuple(Flow(**flow) for flow in data["pings"]))
    parts = {
        "streams": Streams, "connections": Connections, "denied": Denied, "renewals": Renewals,
        "writes": Writes,
    }
    made = {name: _made(part, data[name]) for name, part in parts.items()}
    return Report(seconds=data["seconds"], pings=pings, **made)


def _made(part: type, data: Mapping[str, Any]) -> Any:
    values = {one.name: data[one.name] for one in fields(part) if one.name in data}
    return part(**{
        name: tuple(value) if isinstance(value, list) else value for name, value in values.items()
    })
