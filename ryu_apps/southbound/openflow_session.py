"""What is under way on one OpenFlow connection of a vrouter; plain records."""

from __future__ import annotations

from collections import deque
from concurrent.futures import Future
from typing import Any

from ryu_apps.southbound.openflow_flows import Operation
from ryu_apps.southbound.openflow_meters import Meters
from vrouter_ovs.encode import Encoded


class Read:
    """A flow dump or count under way.  ``purpose``: "connect", "audit", "count", "show" or
    "meters"."""

    def __init__(self, purpose: str, result: Future | None = None) -> None:
        self.purpose = purpose
        self.result = result
        self.xid = 0
        self.flows: dict[bytes, Encoded] = {}
        self.parts: list[bytes] = []
        self.heard = 0.0
        self.expected = 0


class Round:
    """A bundle (or, with ``plain``, single messages) under way."""

    def __init__(self, bundle: int, first: int, plain: bool) -> None:
        self.bundle = bundle
        self.first = first
        self.plain = plain
        self.operations: list[Operation] = []
        self.errors: dict[int, str] = {}
        self.end_xid = 0
        self.deadline = 0.0


class Session:
    """One connection of the switch."""

    def __init__(self, datapath: Any, element: str) -> None:
        self.datapath = datapath
        self.ready = False
        self.round: Round | None = None
        self.reading: Read | None = None
        self.reads: deque[Read] = deque()
        # For the receiving thread: which replies are awaited, and how much came.
        self.awaited_read = 0
        self.read_bytes = 0
        self.awaited = (0, 0)
        self.flush_xid = 0
        self.flush_refused = False
        self.meters = Meters(element)
